#!/bin/sh
# Draws how soon Adam and K-FAC learn to hedge an option.
# Usage: examples/hedging.sh BIN_DIR [OUT_DIR]     BIN_DIR holds hedging; OUT_DIR (build/hedging) receives everything.
set -eu

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
    echo "usage: $0 BIN_DIR [OUT_DIR]" >&2
    exit 2
fi
out=${2:-build/hedging}
LC_ALL=C OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 # the network is too small for more
export LC_ALL OPENBLAS_NUM_THREADS OMP_NUM_THREADS

command -v gnuplot >/dev/null || { echo "$0: gnuplot is missing (Debian, Ubuntu: apt install gnuplot-nox)" >&2; exit 1; }
mkdir -p "$out"
"$1/hedging" 5 >"$out/hedging.txt"

cat >"$out/hedging.gp" <<END
set output "$out/hedging.png"
data = "$out/hedging.txt"
set terminal pngcairo size 960,600 font "DejaVu Sans,12" background "#ffffff"
set title "Deep hedging of a call option over 30 days: a network of 3 layers" font ",14"
set xlabel "steps, of 128 fresh paths each"
set ylabel "hedging error, per cent of the option's price"
set logscale y
set yrange [15:100]
set ytics (15, 20, 30, 50, 100)
set border 3 linecolor "#666666"
set tics nomirror textcolor "#333333"
set grid linetype 1 linecolor "#e8e8e8" linewidth 1
set key top right noenhanced box linecolor "#cccccc"
plot data using 1:2 every ::1 with lines linewidth 2 linecolor "#d55e00" title "adam, lr=0.02", \
     data using 1:3 every ::1 with lines linewidth 2 linecolor "#0072b2" title "kfac"
END
gnuplot "$out/hedging.gp"
echo "picture: $out/hedging.png   numbers: $out/hedging.txt"
