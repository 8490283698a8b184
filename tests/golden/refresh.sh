#!/bin/sh
# Copies the golden files that pass: tests/golden/refresh.sh GOLDEN DIR, GOLDEN being the runner that was built, DIR a
# folder of *.golden files. Those of methods that the library lacks stay where they are; those that fail are named.
set -eu

if [ $# -ne 2 ] || [ ! -x "$1" ] || [ ! -d "$2" ]; then
    echo "usage: $0 build/dev-gcc/tests/golden/golden DIR" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
status=0
verdicts=$("$1" "$2") || status=$?
printf '%s\n' "$verdicts" | sed -n 's/^ok //p' | while IFS= read -r file; do
    cp "$file" "$here/data/"
    chmod 644 "$here/data/$(basename "$file")"
done
printf '%s\n' "$verdicts" | grep '^FAILED' || true
printf '%s\n' "$verdicts" | tail -n 1
exit $status
