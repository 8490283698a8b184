#!/bin/sh
# Draws the posterior of a logistic regression with two weights, and what four samplers make of it.
# Usage: examples/posterior.sh BIN_DIR [OUT_DIR]     BIN_DIR holds posterior; OUT_DIR (build/posterior) receives everything.
set -eu

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
    echo "usage: $0 BIN_DIR [OUT_DIR]" >&2
    exit 2
fi
out=${2:-build/posterior}
LC_ALL=C
export LC_ALL

command -v gnuplot >/dev/null || { echo "$0: gnuplot is missing (Debian, Ubuntu: apt install gnuplot-nox)" >&2; exit 1; }
mkdir -p "$out"
"$1/posterior" | tee "$out/posterior.txt"
"$1/posterior" grid >"$out/grid.txt"
for method in sgld sghmc langevin_split svgd; do
    "$1/posterior" "$method" >"$out/$method.txt"
done

cat >"$out/posterior.gp" <<END
set contour base
unset surface
set cntrparam levels discrete -31.5, -33, -35, -38
set table "$out/contours.txt"
splot "$out/grid.txt" using 1:2:3
unset table
unset contour
set surface
set output "$out/posterior.png"
set terminal pngcairo size 960,900 font "DejaVu Sans,12" background "#ffffff"
set border 3 linecolor "#666666"
set tics nomirror textcolor "#333333"
set xrange [-0.6:2.6]
set yrange [0.4:4.6]
unset key
set multiplot layout 2,2 title "Threes or eights: the posterior of two weights (lines), and samples of it (points)" font ",14"
do for [method in "sgld sghmc langevin_split svgd"] {
    set title method noenhanced
    plot "$out/".method.".txt" using 1:2 with points pointtype 7 pointsize 0.5 linecolor rgb "#800072b2", \
         "$out/contours.txt" using 1:2 with lines linewidth 2 linecolor "#d55e00"
}
unset multiplot
END
gnuplot "$out/posterior.gp"
echo "picture: $out/posterior.png   numbers: $out/posterior.txt"
