#!/bin/sh
# The lines that README says under "Building, installing, linking", in a clean copy of the sources and with no other
# programs than README names: neither a C++ compiler, Python, pkg-config nor git. One instruction-set level and no
# optimization, to be done sooner.
# Usage: readme.sh SOURCE COMPILER CMAKE NINJA
set -eu
source=$1 compiler=$2 cmake=$3 ninja=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir "$work/copy" "$work/bin"
tar -C "$source" --exclude=./build --exclude=./.git --exclude=./tests -cf - . | tar -C "$work/copy" -xf -
for program in "$cmake" "$ninja" "$compiler" as ld ar nm ranlib objcopy objdump strip sh; do
    ln -s "$(command -v "$program")" "$work/bin/"
done
ln -s "$(command -v "$compiler")" "$work/bin/cc"

# says PATTERN: README's indented lines that begin with it, installing into $work/prefix.
says() {
    sed -n '/^## Building/,/^## What/p' "$source/README.md" | sed -n "s|/usr/local|$work/prefix|; s/^    \\($1\\)/\\1/p"
}

sooner='-DGRADOPT_ISA_LEVELS=OFF -DCMAKE_BUILD_TYPE=Debug'
says cmake | sed "s/ && ldconfig//; s/\$/ || exit 1/; s/cmake --preset default/& $sooner/" >"$work/build.sh"
says cc >"$work/link.sh"
test "$(grep -c cmake "$work/build.sh")" -ge 2 -a -s "$work/link.sh"

cd "$work/copy"
env -u CMAKE_C_COMPILER_LAUNCHER PATH="$work/bin" "$work/bin/sh" -eux "$work/build.sh" >"$work/log" 2>&1 || { cat "$work/log" && exit 1; }
"$work/prefix/bin/gradopt" list >/dev/null
cd examples
PATH=$work/bin:$PATH PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix" -name libgradopt.pc)") sh -eux "$work/link.sh"
LD_LIBRARY_PATH=$(dirname "$(find "$work/prefix" -name libgradopt.so)") ./a.out | diff - expected/quickstart.out
