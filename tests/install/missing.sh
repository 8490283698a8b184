#!/bin/sh
# What ./dev says to whoever may not install packages: one line, which installs those of `./dev demo` and `./dev test`
# whatever was asked for, with sudo or without, and where one index cannot be had just now.
# Usage: missing.sh SOURCE
set -eu
source=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir "$work/bin"
for program in sh awk cat dirname getconf sed sort tr; do
    ln -s "$(command -v $program)" "$work/bin/"
done
# stands_in PROGRAM: a script, read from the standard input.
stands_in() {
    { echo '#!/bin/sh' && cat; } >"$work/bin/$1"
    chmod +x "$work/bin/$1"
}
echo 'echo 1000' | stands_in id
echo "echo dpkg \"\$*\" >>'$work/calls'" | stands_in dpkg
echo "echo apt-get \"\$*\" >>'$work/calls'; test \"\$1\" != update" | stands_in apt-get
echo "test \"\$1\" = -c && exec sh -c \"\$2\"" | stands_in su

# follow COMMAND...: runs the last line that ./dev says; what that line has run is in calls.
follow() {
    if PATH=$work/bin sh "$source/dev" "$@" >"$work/said" 2>&1; then
        cat "$work/said" && exit 1
    fi
    sed -n '$p' "$work/said" >"$work/line"
    rm -f "$work/calls"
    PATH=$work/bin sh "$work/line" || { cat "$work/said" && exit 1; }
    for package in gcc ninja-build libcmocka-dev gnuplot-nox clang abigail-tools python3-venv; do
        grep -q "^apt-get install.* $package" "$work/calls" || { echo "no $package:" && cat "$work/said" && exit 1; }
    done
    sed -n '/install/q; p' "$work/calls" >"$work/before"
}
for command in demo test; do
    follow $command
    echo 'apt-get update' | diff - "$work/before"
done
echo "exec \"\$@\"" | stands_in sudo
follow cross arm64
grep -q '^sudo ' "$work/line"
if grep -q ':arm64' "$work/line"; then # else what is foreign is installed here
    printf 'dpkg --add-architecture arm64\napt-get update\n' | diff - "$work/before"
fi
