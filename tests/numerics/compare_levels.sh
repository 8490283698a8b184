#!/bin/sh
# compare_levels.sh OUTPUT "LEVEL..." PROGRAM...: what PROGRAM prints does not depend on the instruction-set level, the base or
# one of those that are built beside it. OUTPUT keeps it, so that builds of other compilers can be compared with this one. A
# level that cannot run is the next below it.
set -eu
output=$1
levels=$2
shift 2

GRADOPT_LEVEL=base "$@" >"$output"
for level in $levels; do
    GRADOPT_LEVEL=$level "$@" | diff -u "$output" -
done
test "$(wc -l <"$output")" -gt 100 # every subject
echo "$(wc -l <"$output") subjects agree"
