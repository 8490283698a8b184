#!/bin/sh
# compare_levels.sh OUTPUT PROGRAM...: what PROGRAM prints does not depend on the instruction-set level. OUTPUT keeps it, so that
# builds of other compilers can be compared with this one. A level that is not built or cannot run is the next below it.
set -eu
output=$1
shift

GRADOPT_LEVEL=base "$@" >"$output"
for level in x86-64-v3 x86-64-v4; do
    GRADOPT_LEVEL=$level "$@" | diff -u "$output" -
done
test "$(wc -l <"$output")" -gt 100 # every subject
echo "$(wc -l <"$output") subjects agree"
