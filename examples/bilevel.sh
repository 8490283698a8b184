#!/bin/sh
# Draws the loss on held-out digits against the weight decay: a grid, and the paths of two methods that move it as they train.
# Usage: examples/bilevel.sh BIN_DIR [OUT_DIR]     BIN_DIR holds bilevel; OUT_DIR (build/bilevel) receives everything.
set -eu

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
    echo "usage: $0 BIN_DIR [OUT_DIR]" >&2
    exit 2
fi
out=${2:-build/bilevel}
LC_ALL=C
export LC_ALL

command -v gnuplot >/dev/null || { echo "$0: gnuplot is missing (Debian, Ubuntu: apt install gnuplot-nox)" >&2; exit 1; }
mkdir -p "$out"
"$1/bilevel" | tee "$out/bilevel.txt"
for path in grid hoag f2sa; do
    "$1/bilevel" "$path" >"$out/$path.txt"
done

cat >"$out/bilevel.gp" <<END
set output "$out/bilevel.png"
set terminal pngcairo size 960,600 font "DejaVu Sans,12" background "#ffffff"
set title "How much weight decay? The loss on digits held out, after training to the end" font ",14"
set xlabel "logarithm of the weight decay"
set ylabel "cross entropy on 300 rows held out"
set border 3 linecolor "#666666"
set tics nomirror textcolor "#333333"
set grid linetype 1 linecolor "#e8e8e8" linewidth 1
set xrange [-10:-2]
set yrange [0.2:1.4]
set key top left noenhanced Left reverse box linecolor "#cccccc"
plot "$out/grid.txt" with linespoints linewidth 2 pointtype 6 linecolor "#999999" title "grid: 17 trainings", \
     "$out/hoag.txt" with points pointtype 7 pointsize 1.2 linecolor "#0072b2" title "hoag, each of its steps", \
     "$out/f2sa.txt" with points pointtype 5 pointsize 1 linecolor "#d55e00" title "f2sa, each 10th of its steps"
END
gnuplot "$out/bilevel.gp"
echo "picture: $out/bilevel.png   numbers: $out/bilevel.txt"
