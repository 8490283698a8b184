#!/bin/sh
# Draws how far from the solution of a bilinear game plain descent-ascent and the methods for games are.
# Usage: examples/games.sh BIN_DIR [OUT_DIR]     BIN_DIR holds games; OUT_DIR (build/games) receives everything.
set -eu

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
    echo "usage: $0 BIN_DIR [OUT_DIR]" >&2
    exit 2
fi
out=${2:-build/games}
LC_ALL=C
export LC_ALL

command -v gnuplot >/dev/null || { echo "$0: gnuplot is missing (Debian, Ubuntu: apt install gnuplot-nox)" >&2; exit 1; }
mkdir -p "$out"
"$1/games" 1 >"$out/games.txt"

cat >"$out/games.gp" <<END
set output "$out/games.png"
data = "$out/games.txt"
set terminal pngcairo size 960,600 font "DejaVu Sans,12" background "#ffffff"
set title "Two players on f(x, y) = x^T A y: x descends, y ascends" font ",14"
set xlabel "gradients, all evaluations counted"
set ylabel "distance from the solution"
set logscale y
set format y "10^{%T}"
set xrange [0:600]
set yrange [1e-8:1e6]
set border 3 linecolor "#666666"
set tics nomirror textcolor "#333333"
set grid linetype 1 linecolor "#e8e8e8" linewidth 1
set key bottom left noenhanced Left reverse opaque box linecolor "#cccccc" samplen 2.5
set style line 1 linewidth 3 linecolor "#000000"
set style line 2 linewidth 2 linecolor "#0072b2"
set style line 3 linewidth 2 linecolor "#d55e00"
set style line 4 linewidth 2 linecolor "#009e73"
set style line 5 linewidth 2 linecolor "#cc79a7"
set style line 6 linewidth 2 linecolor "#e69f00"
title(column) = column == 1 ? "sgd (descent-ascent)" : word(system("head -n 1 ".data), column + 1)
plot for [column = 1:6] data using 1:column + 1 every ::1 with lines linestyle column title title(column)
END
gnuplot "$out/games.gp"
echo "picture: $out/games.png   numbers: $out/games.txt"
