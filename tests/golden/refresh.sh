#!/bin/sh
# Copies the golden files whose method, wrappers and schedules the registry has: tests/golden/refresh.sh DIR
# DIR holds *.golden files; those of formats that no test reads are left out, and of values those of other functions.
set -eu

if [ $# -ne 1 ] || [ ! -d "$1" ]; then
    echo "usage: $0 DIR" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
registry=$here/../../src/registry.def

# "KIND name" for every entry; an alias counts as a method.
known=$(sed -n \
    -e 's/^[[:space:]]*METHOD(\([a-z0-9_]*\),.*/method \1/p' \
    -e 's/^[[:space:]]*ALIAS(\([a-z0-9_]*\),.*/method \1/p' \
    -e 's/^[[:space:]]*WRAPPER(\([a-z0-9_]*\)).*/wrapper \1/p' \
    -e 's/^[[:space:]]*SCHEDULE(\([a-z0-9_]*\)).*/schedule \1/p' "$registry")
known="$known
wrapper eval_swap
$(sed -n 's/^ *{"\([a-z0-9_]*\)", call_[a-z0-9_]*},.*/function \1/p' "$here/test_values.c")"

# The same for what a file uses.
used() {
    sed -n \
        -e 's/^algorithm \([a-z0-9_]*\).*/method \1/p' \
        -e 's/^wrap \([a-z0-9_]*\).*/wrapper \1/p' \
        -e 's/^schedule \([a-z0-9_]*\).*/schedule \1/p' \
        -e 's/^child \([a-z0-9_]*\).*/schedule \1/p' \
        -e 's/^call \([a-z0-9_]*\).*/function \1/p' "$1"
}

copied=0
for file in "$1"/*.golden; do
    head -n 1 "$file" | grep -Eqx 'format gradopt-(golden|schedule|value) 1' || continue
    missing=$(used "$file" | grep -vxF "$known" || true)
    [ -z "$missing" ] || continue
    cp "$file" "$here/data/"
    chmod 644 "$here/data/$(basename "$file")"
    copied=$((copied + 1))
done
echo "$copied files copied to $here/data"
