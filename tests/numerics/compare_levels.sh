#!/bin/sh
# compare_levels.sh PROGRAM OUTPUT: what PROGRAM prints does not depend on the instruction-set level. OUTPUT keeps it, so that
# builds of other compilers can be compared with this one.
set -eu
program=$1 output=$2

GRADOPT_LEVEL=base "$program" >"$output"
for level in x86-64-v3 x86-64-v4; do
    GRADOPT_LEVEL=$level "$program" >"$output.$level"
    diff -u "$output" "$output.$level"
done
test "$(wc -l <"$output")" -gt 1000 # every method in every form
echo "$(wc -l <"$output") trajectories agree"
