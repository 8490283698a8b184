#!/bin/sh
# compare_levels.sh PROGRAM OUTPUT: what PROGRAM prints does not depend on the instruction-set level. OUTPUT keeps it, so that
# builds of other compilers can be compared with this one. A level that is not built or cannot run is the next below it.
set -eu
program=$1 output=$2

GRADOPT_LEVEL=base "$program" >"$output"
for level in x86-64-v3 x86-64-v4; do
    GRADOPT_LEVEL=$level "$program" | diff -u "$output" -
done
test "$(wc -l <"$output")" -gt 100 # every subject
echo "$(wc -l <"$output") subjects agree"
