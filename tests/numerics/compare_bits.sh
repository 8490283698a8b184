#!/bin/sh
# compare_bits.sh EXPECTED PROGRAM...: what PROGRAM prints, but for what goes through BLAS, are the digests in the file EXPECTED,
# made on another machine: on whatever architecture, with whatever compiler. ./dev bits --update writes them anew.
set -eu
expected=$1
shift

if "$@" | grep -v ' blas$' | diff -u "$expected" -; then
    echo "$(grep -vc '^#' "$expected") subjects as expected"
else
    echo "a method that is new or means something else now: ./dev bits --update" >&2
    exit 1
fi
