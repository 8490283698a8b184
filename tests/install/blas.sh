#!/bin/sh
# Which BLAS is taken, with which integers, and which LAPACK: CMake is shown made-up ones.
# Usage: blas.sh SOURCE COMPILER
set -eu
source=$1 compiler=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# make FOLDER/LIBRARY OPTION...
make() {
    library=$1
    shift
    mkdir -p "$work/$(dirname "$library")"
    "$compiler" -shared -fPIC "$@" "$source/tests/install/programs/blas.c" -o "$work/$library"
}
make 32/libopenblas.so -DINTEGER=int32_t -DHAS_CBLAS
make 64/libopenblas64.so -DINTEGER=int64_t -DHAS_CBLAS
make wrong/libopenblas64.so -DINTEGER=int32_t -DHAS_CBLAS
make bare/libblas.so -DINTEGER=int32_t
make apart/libblas.so -DINTEGER=int32_t
make apart/libcblas.so -DINTEGER=int32_t -DHAS_CBLAS
make lapack32/libopenblas.so -DINTEGER=int32_t -DHAS_CBLAS -DHAS_LAPACK
make lapack64/libopenblas64.so -DINTEGER=int64_t -DHAS_CBLAS -DHAS_LAPACK
make beside/libopenblas.so -DINTEGER=int32_t -DHAS_CBLAS
make beside/liblapack.so -DINTEGER=int32_t -DHAS_LAPACK
make other/libopenblas64.so -DINTEGER=int64_t -DHAS_CBLAS
make other/liblapack.so -DINTEGER=int32_t -DHAS_LAPACK

# expect SENTENCE FOLDER OPTION...: what CMake says of the BLAS in that folder.
expect() {
    sentence=$1 folder=$2
    shift 2
    rm -rf "$work/build"
    cmake -S "$source" -B "$work/build" -G Ninja -DCMAKE_C_COMPILER="$compiler" -DCMAKE_LIBRARY_PATH="$work/$folder" \
        -DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF "$@" >"$work/said" 2>&1 || true
    tr -s '\n ' ' ' <"$work/said" | grep -q "$sentence" || { echo "not said: $sentence" && cat "$work/said" && exit 1; }
}
expect "BLAS: $work/32/libopenblas.so, integers of 4 bytes" 32
expect "BLAS: $work/64/libopenblas64.so, integers of 8 bytes" 64 -DBLA_SIZEOF_INTEGER=8
expect "BLA_SIZEOF_INTEGER is 8, but integers of the BLAS" wrong -DBLA_SIZEOF_INTEGER=8
expect "BLAS: $work/64/libopenblas64.so, integers of 8 bytes" none -DBLAS_LIBRARIES="$work/64/libopenblas64.so"
expect 'has no cblas_sgemm.*BLA_VENDOR' bare -DBLA_VENDOR=Generic
expect "BLAS: $work/apart/libcblas.so;$work/apart/libblas.so, integers of 4 bytes" apart -DBLA_VENDOR=Generic
expect 'There is no BLAS.*BLA_VENDOR' none -DBLA_VENDOR=PhiPACK

expect 'LAPACK: the BLAS has it' lapack32
expect 'LAPACK: the BLAS has it' lapack64 -DBLA_SIZEOF_INTEGER=8
expect 'LAPACK: not used' lapack32 -DGRADOPT_LAPACK=OFF
expect 'LAPACK: not used' 32
expect 'GRADOPT_LAPACK is ON, and neither the BLAS' 32 -DGRADOPT_LAPACK=ON
expect "LAPACK: $work/beside/liblapack.so" beside
expect 'LAPACK: not used' other -DBLA_SIZEOF_INTEGER=8
