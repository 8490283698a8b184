#!/bin/sh
# Builds SOURCE against an installed tree as pkg-config says of libgradopt-mpi, and runs it as two ranks.
# Usage: mpi.sh LIBDIR SOURCE COMPILER MPIEXEC
set -eu
libdir=$1 source=$2 compiler=$3 mpiexec=$4
PKG_CONFIG_PATH=$libdir/pkgconfig
export PKG_CONFIG_PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

flags=
case $("$mpiexec" --version 2>&1) in *OpenRTE* | *'Open MPI'*) flags='--oversubscribe --allow-run-as-root' ;; esac
set -x
# shellcheck disable=SC2046,SC2086 # lists of flags
$compiler -std=c99 $(pkg-config --cflags libgradopt-mpi) "$source" -o "$work/program" \
    $(pkg-config --libs libgradopt-mpi) "-Wl,-rpath,$libdir"
# shellcheck disable=SC2086
"$mpiexec" -n 2 $flags "$work/program"
# The core knows of no MPI.
! ldd "$libdir/libgradopt.so" | grep -q libmpi
