#!/bin/sh
# A project that has this one as a part of itself: nothing of its own is changed, nothing but the library is built, and
# nothing of it installed unless asked for.
# Usage: subproject.sh SOURCE COMPILER C++-COMPILER
set -eu
source=$1 compiler=$2 cxx_compiler=$3
programs=$source/tests/install/programs
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# configure FOLDER LANGUAGE PART PROGRAM OPTION...
configure() {
    folder=$1 language=$2 part=$3 program=$4
    shift 4
    cmake -S "$programs/parent" -B "$work/$folder" -G Ninja -Wno-unused-cli -DLANGUAGE="$language" -DPART="$part" \
        -DSOURCE="$programs/$program" -DGRADOPT_SOURCE="$source" -DCMAKE_C_COMPILER="$compiler" \
        -DCMAKE_CXX_COMPILER="$cxx_compiler" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON -DGRADOPT_ISA_LEVELS=OFF "$@" \
        >"$work/log" || { cat "$work/log" && exit 1; }
}

fail() {
    echo "$1" >&2
    exit 1
}

configure c C FetchContent linked.c
cmake --build "$work/c" >"$work/log" || { cat "$work/log" && exit 1; }
"$work/c/with_gradopt"
"$work/c/with_gradopt_static"
grep -q '^CMAKE_BUILD_TYPE:STRING=$' "$work/c/CMakeCache.txt" || fail 'it has chosen a build type for its parent'
grep -q -- '-O3.*/adamw\?\.c' "$work/c/compile_commands.json" || fail 'without a build type it is not optimized'
grep '"command".*with_gradopt' "$work/c/compile_commands.json" >"$work/own" || fail 'the parent has no program'
! grep -q -e '-O3' -e '-std' -e 'contract' -e 'openmp' -e 'kernels' "$work/own" ||
    fail "the parent's programs have got options of the library: $(cat "$work/own")"
! find "$work/c" -name 'gradopt' -type f | grep . || fail 'it has built the tool'

DESTDIR=$work/tree cmake --install "$work/c" --prefix /usr >/dev/null
installed=$(cd "$work/tree" && find . -type f)
[ "$installed" = ./usr/share/parent/CMakeLists.txt ] || fail "it has installed something: $installed"

# In C++, and asked to install the library.
configure cxx CXX add_subdirectory find_package/main.cpp -DGRADOPT_INSTALL=ON -DCMAKE_BUILD_TYPE=Debug
grep -q '^CMAKE_BUILD_TYPE:STRING=Debug$' "$work/cxx/CMakeCache.txt" || fail "it has changed its parent's build type"
grep -q 'libgradopt.so' "$work/cxx/gradopt/cmake_install.cmake" || fail 'it does not install the library'
! grep -q 'gradopt.1' "$work/cxx/gradopt/cmake_install.cmake" || fail 'it would install the tool'
