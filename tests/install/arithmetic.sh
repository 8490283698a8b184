#!/bin/sh
# Compiled with options that change its arithmetic, the library says so instead of computing something else.
# Usage: arithmetic.sh SOURCE COMPILER
set -eu
source=$1 compiler=$2

# refused OPTION...: the header says no, in a sentence. Nothing is asked of a compiler that does not know the options.
refused() {
    "$compiler" "$@" -fsyntax-only -x c /dev/null 2>/dev/null || return 0
    if said=$("$compiler" "$@" -fsyntax-only -I"$source/src" -include base/arithmetic.h -x c /dev/null 2>&1); then
        echo "compiled with $*" >&2
        exit 1
    fi
    echo "$said" | grep -q 'error.*libgradopt' || { echo "$said" && exit 1; }
}

refused -O2 -ffast-math
refused -O2 -ffinite-math-only
case $("$compiler" -m32 -dumpmachine) in
x86_64* | i?86*) refused -m32 -mfpmath=387 -mno-sse ;;
esac

# What the build adds wins over either.
"$compiler" -O2 -ffast-math -funsafe-math-optimizations -fno-fast-math -fsyntax-only -I"$source/src" \
    -include base/arithmetic.h -x c /dev/null
for header in engine/method.h kernels/primitives.h; do
    if "$compiler" -ffast-math -fsyntax-only -D_GNU_SOURCE -I"$source/src" -I"$source/include" -include "$header" \
        -x c /dev/null 2>/dev/null; then
        echo "$header does not look" >&2
        exit 1
    fi
done
