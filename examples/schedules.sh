#!/bin/sh
# Draws the curve of every schedule, one small panel each.
# Usage: examples/schedules.sh BIN_DIR [OUT_DIR]     BIN_DIR holds schedules; OUT_DIR (build/schedules) receives everything.
set -eu

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
    echo "usage: $0 BIN_DIR [OUT_DIR]" >&2
    exit 2
fi
out=${2:-build/schedules}
LC_ALL=C
export LC_ALL

command -v gnuplot >/dev/null || { echo "$0: gnuplot is missing (Debian, Ubuntu: apt install gnuplot-nox)" >&2; exit 1; }
mkdir -p "$out"
"$1/schedules" >"$out/schedules.txt"

# panels: the plot command of every panel; a block of the data begins with "# name|label".
panels() {
    awk -F '|' -v data="$out/schedules.txt" '
        function finish() {
            if (name != "")
                print "set title \"" name "\"\n" plot
        }
        /^#/ {
            sub(/^# /, "")
            if ($1 != name) {
                finish()
                name = $1
                plot = "plot "
                curves = 0
            } else {
                plot = plot ", \\\n     "
            }
            plot = plot "\"" data "\" index " block++ " using 1:2 with lines linestyle " ++curves " title \"" $2 "\""
            if (name == "cyclic" || name == "onecycle")
                plot = plot ", \\\n     \"\" index " block - 1 " using 1:3 with lines linestyle " (curves == 1 ? "8 title \"momentum\"" : "9 notitle")
            if (name == "plateau")
                plot = plot ", \\\n     \"\" index " block - 1 " using 1:($4 / 3) with lines linestyle 9 title \"loss, a third\""
        }
        END { finish() }' "$out/schedules.txt"
}

{
    echo "set output \"$out/schedules.png\""
    cat <<'END'
set terminal pngcairo size 1560,1080 font "DejaVu Sans,9" background "#ffffff"
set multiplot layout 4,6 title "Every schedule during a hundred steps; dashed: the momentum that it drives besides" font ",15"
set style line 1 linewidth 2.2 linecolor "#0072b2"
set style line 2 linewidth 1.8 linecolor "#d55e00"
set style line 3 linewidth 1.8 linecolor "#009e73"
set style line 8 linewidth 1.4 linecolor "#0072b2" dashtype (9,6)
set style line 9 linewidth 1.4 linecolor "#d55e00" dashtype (9,6)
set border 3 linecolor "#888888"
set tics nomirror scale 0.4 textcolor "#555555" font ",8"
set grid linetype 1 linecolor "#eeeeee" linewidth 1
set xrange [0:100]
set yrange [0:1.45]
set xtics 0, 50, 100
set ytics 0, 0.5, 1
set key at graph 0.02, graph 1.02 top left noenhanced Left reverse samplen 1.2 spacing 0.95 font ",7.5" textcolor "#333333"
set title font ",11" noenhanced offset 0, -0.4
END
    panels
    echo 'unset multiplot'
} >"$out/schedules.gp"
gnuplot "$out/schedules.gp"
echo "picture: $out/schedules.png   numbers: $out/schedules.txt"
