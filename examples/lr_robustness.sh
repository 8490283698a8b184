#!/bin/sh
# Draws how the result depends on the first guess: learning rates of SGD and Adam, guesses of methods that need none.
# Usage: examples/lr_robustness.sh BIN_DIR [OUT_DIR]     BIN_DIR holds lr_robustness; OUT_DIR (build/lr_robustness)
# receives everything.
set -eu

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
    echo "usage: $0 BIN_DIR [OUT_DIR]" >&2
    exit 2
fi
out=${2:-build/lr_robustness}
LC_ALL=C
export LC_ALL

command -v gnuplot >/dev/null || { echo "$0: gnuplot is missing (Debian, Ubuntu: apt install gnuplot-nox)" >&2; exit 1; }
mkdir -p "$out"
"$1/lr_robustness" 6 >"$out/lr_robustness.csv"
for problem in quadratic logistic; do
    sed -n "1p; /^$problem,/p" "$out/lr_robustness.csv" >"$out/$problem.csv"
done

cat >"$out/lr_robustness.gp" <<END
set output "$out/lr_robustness.png"
out = "$out"
set terminal pngcairo size 1500,600 font "DejaVu Sans,12" background "#ffffff"
set datafile separator ","
set multiplot
set label 1 "How far from the optimum after 300 steps: a learning rate must be right, a first guess need not be" at screen 0.5,0.955 center font ",15"
set logscale xy
set xrange [1e-6:1]
set yrange [2e-6:1e1]
set format x "10^{%T}"
set ytics ("10" 10, "1" 1, "10^{-1}" 1e-1, "10^{-2}" 1e-2, "10^{-3}" 1e-3, "10^{-4}" 1e-4)
set xlabel "learning rate of sgd and adam, or first guess of a method without one"
set ylabel "distance to the optimum, 1 at the start"
set object 1 rectangle from graph 0,first 2e-6 to graph 1,first 1e-4 behind fillcolor "#eef5ee" fillstyle solid noborder
set label 2 "solved: below 10^{-4}" at graph 0.015,first 7.5e-5 textcolor "#557755" font ",10"
set border 3 linecolor "#666666"
set tics nomirror textcolor "#333333"
set grid linetype 1 linecolor "#e8e8e8" linewidth 1
set style line 1 linewidth 4 linecolor "#000000"
set style line 2 linewidth 4 linecolor "#999999"
set style line 3 linewidth 2 linecolor "#0072b2"
set style line 4 linewidth 2 linecolor "#56b4e9"
set style line 5 linewidth 2 linecolor "#d55e00"
set style line 6 linewidth 2 linecolor "#e69f00"
set style line 7 linewidth 2 linecolor "#009e73"
set style line 8 linewidth 2 linecolor "#cc79a7"
set style line 9 linewidth 2 linecolor "#7b3294"
title(m) = system(sprintf("head -n 1 %s/quadratic.csv | cut -d, -f%d", out, m + 2))
shown(left, m) = left > 1e-4 ? left : 10 ** (-4.3 - 0.14 * m) # below, a lane for each
set lmargin at screen 0.055
set rmargin at screen 0.425
set bmargin at screen 0.12
set tmargin at screen 0.86
set title "quadratic: 34 coordinates, curvatures 1 to 7"
set key off
plot for [m = 1:9] out."/quadratic.csv" using 2:(shown(column(m + 2), m)) every ::1 \\
    with lines linestyle m notitle
unset label 1
set lmargin at screen 0.485
set rmargin at screen 0.855
set title "logistic regression: 32 samples, 34 features"
set key noenhanced at screen 0.995,0.86 right top Left reverse samplen 2.5 spacing 1.3
plot for [m = 1:9] out."/logistic.csv" using 2:(shown(column(m + 2), m)) every ::1 \\
    with lines linestyle m title title(m)
unset multiplot
END
gnuplot "$out/lr_robustness.gp"
echo "picture: $out/lr_robustness.png   numbers: $out/lr_robustness.csv"
