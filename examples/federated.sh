#!/bin/sh
# Draws how the loss falls with time, and with what is carried, when a thousand clients train under rules of servers.
# Usage: examples/federated.sh BIN_DIR [OUT_DIR [KEY=VALUE ...]]     BIN_DIR holds federated; OUT_DIR (build/federated)
# receives everything; KEY=VALUE as `federated help` lists them.
set -eu

if [ $# -lt 1 ]; then
    echo "usage: $0 BIN_DIR [OUT_DIR [KEY=VALUE ...]]" >&2
    exit 2
fi
bin=$1 out=${2:-build/federated}
shift
[ $# -eq 0 ] || shift
LC_ALL=C
export LC_ALL

command -v gnuplot >/dev/null || { echo "$0: gnuplot is missing (Debian, Ubuntu: apt install gnuplot-nox)" >&2; exit 1; }
mkdir -p "$out"
"$bin/federated" clients=1000 active=100 "$@" logs="$out" | tee "$out/table.txt"

cat >"$out/federated.gp" <<END
set output "$out/federated.png"
out = "$out"
set terminal pngcairo size 1500,600 font "DejaVu Sans,12" background "#ffffff"
set multiplot
set label 1 "A thousand clients with two labels each: rules of servers at the same time, and for the same bytes" at screen 0.5,0.955 center font ",15"
set logscale y
set yrange [0.1:2.5]
set ytics ("2" 2, "1" 1, "0.5" 0.5, "0.2" 0.2, "0.1" 0.1)
set ylabel "loss over all training images"
set border 3 linecolor "#666666"
set tics nomirror textcolor "#333333"
set grid linetype 1 linecolor "#e8e8e8" linewidth 1
set style line 1 linewidth 3 linecolor "#000000"
set style line 2 linewidth 3 linecolor "#000000" dashtype 2
set style line 3 linewidth 2 linecolor "#999999"
set style line 4 linewidth 2 linecolor "#0072b2"
set style line 5 linewidth 3 linecolor "#d55e00"
set style line 6 linewidth 2 linecolor "#e69f00"
set style line 7 linewidth 2 linecolor "#009e73"
set style line 8 linewidth 2 linecolor "#cc79a7"
rules = "'fedavg' 'fedavg, deadline' 'fedprox' 'scaffold' 'fedbuff' 'fedasync' 'fedfix' 'favano'"
file(i) = sprintf("%s/%s.txt", out, word(rules, i))
set lmargin at screen 0.055
set rmargin at screen 0.425
set bmargin at screen 0.12
set tmargin at screen 0.86
set xlabel "seconds"
set key off
plot for [i = 1:8] file(i) using 1:2 with lines linestyle i notitle
unset label 1
set lmargin at screen 0.485
set rmargin at screen 0.855
set xlabel "GB carried, down and up"
set logscale x
set xrange [0.5:100]
set key noenhanced at screen 0.995,0.86 right top Left reverse samplen 2.5 spacing 1.3
plot for [i = 1:8] file(i) using ((\$6 + \$7) / 1e9):2 with lines linestyle i title word(rules, i)
unset multiplot
END
gnuplot "$out/federated.gp"
echo "picture: $out/federated.png   numbers: $out/*.txt"
