#!/bin/sh
# Builds SOURCE against an installed tree as pkg-config says, with the shared and with the static library, and runs both.
# Usage: pkg_config.sh LIBDIR SOURCE COMPILER
set -eu
libdir=$1 source=$2 compiler=$3
PKG_CONFIG_PATH=$libdir/pkgconfig
export PKG_CONFIG_PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cflags=$(pkg-config --cflags libgradopt)
shared=$(pkg-config --libs libgradopt)
static=$(pkg-config --static --libs libgradopt | sed 's/-lgradopt/-l:libgradopt.a/')

set -x
# shellcheck disable=SC2086 # lists of flags
$compiler -std=c99 $cflags "$source" -o "$work/shared" $shared "-Wl,-rpath,$libdir"
"$work/shared"
# shellcheck disable=SC2086
$compiler -std=c99 $cflags "$source" -o "$work/static" $static
"$work/static"
