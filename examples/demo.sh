#!/bin/sh
# Trains one network on the handwritten digits with many methods, prints a table, and draws the loss curves.
# Usage: examples/demo.sh BIN_DIR [OUT_DIR]     BIN_DIR holds train_digits; OUT_DIR (build/demo) receives everything.
# DEMO_SEED=n draws other first weights and mini-batches.
set -eu

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
    echo "usage: $0 BIN_DIR [OUT_DIR]" >&2
    exit 2
fi
train=$1/train_digits
out=${2:-build/demo}
data=$(dirname "$0")/data/digits.csv
seed=${DEMO_SEED:-1}
LC_ALL=C OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 # the network is too small for more
export LC_ALL OPENBLAS_NUM_THREADS OMP_NUM_THREADS

command -v gnuplot >/dev/null || { echo "$0: gnuplot is missing (Debian, Ubuntu: apt install gnuplot-nox)" >&2; exit 1; }
mkdir -p "$out"
rm -f "$out/demo.png"
: >"$out/table.tsv"
count=0

# run PANEL LABEL ARGUMENTS...: one training; a line of table.tsv, and LABEL.log for the curve in that panel.
run() {
    panel=$1 label=$2
    shift 2
    count=$((count + 1))
    printf '%2d  %s\n' "$count" "$label" >&2
    quiet=--grid # on a terminal the program shows its own progress
    [ -t 2 ] && quiet=
    "$train" --data "$data" --seed "$seed" --epochs 20 --log "$out/$label.log" $quiet "$@" >"$out/$label.out"
    result=$(tail -n 1 "$out/$label.out")
    settings=$(printf '%s ' "$@" | sed 's/--method //; s/--options //; s/--//g; s/ $//')
    printf '%s\t%s\t%s\t%s\n' "$panel" "$label" "$settings" "$result" >>"$out/table.tsv"
}

run 1 sgd --method sgd --options lr=0.2,momentum=0.9,nesterov=1
run 1 adam --method adam --options lr=5e-3
run 1 adamw --method adamw --options lr=1.5e-2 --schedule warmup_cosine:warmup=40,steps=440
run 1 adagrad --method adagrad --options lr=0.1
run 1 rmsprop --method rmsprop --options lr=5e-3
run 1 lion --method lion --options lr=2e-3,weight_decay=0.1
run 1 lamb --method lamb --options lr=2e-2 --schedule wsd:warmup=20,steps=440,cooldown=220
run 1 muon --method muon --options lr=0.02 --matrix-split algorithm=adamw,lr=1e-2
run 2 adagrad_norm --method adagrad_norm --options lr=5
run 2 random_scaling_sgdm --method random_scaling_sgdm --options lr=1
run 2 dog+poly_avg --method dog --options reps_rel=1e-4 --wrap poly_avg
run 2 sgd+sam --method sgd --options lr=0.1,momentum=0.9 --wrap sam:rho=0.1
run 2 adam+lookahead --method adam --options lr=1e-2 --wrap lookahead
run 2 adamw+gc+ema --method adamw --options lr=1e-2,clip_norm=1 --wrap gc --wrap ema:decay=0.98
run 2 extragradient --method extragradient --options lr=0.4,lr_extra=0.1
run 2 oasis --method oasis --options lr=0.1,alpha=1e-2,same_batch=1
run 2 lbfgs --method lbfgs --batch 0 --epochs 30

# print_table: aligned columns from table.tsv; fails if a method missed the target.
print_table() {
    awk -F '\t' '
        function field(name,    i, pair) {
            for (i = 1; i <= n; ++i) {
                split(part[i], pair, "=")
                if (pair[1] == name)
                    return pair[2]
            }
            return "?"
        }
        BEGIN {
            format = "%-20s %9s %9s %9s %6s %12s %10s  %s\n"
            printf format, "", "training", "test", "steps to", "", "ns a step in", "bytes of", ""
            printf format, "method", "loss", "accuracy", "95 %", "steps", "the library", "state/par.", "settings"
        }
        {
            n = split($4, part, " ")
            accuracy = 100 * field("accuracy")
            printf format, $2, sprintf("%.2e", field("loss")), sprintf("%.2f %%", accuracy), field("steps95"),
                field("steps"), field("ns_per_step"), sprintf("%.1f", field("bytes_per_parameter")), $3
            if (accuracy < 95 || field("steps95") == "none")
                missed = missed " " $2
        }
        END {
            print "\nPerceptron with 64 inputs, 64 hidden units, 10 classes; 20 passes in mini-batches of 64 unless stated."
            print "Loss over all training images and accuracy on the held-out fifth, both at the output of the method;"
            print "tested every 10 steps, lbfgs every step; times are medians."
            if (missed != "") {
                print "\nbelow 95 % test accuracy:" missed
                exit 1
            }
        }' "$out/table.tsv"
}

# curves PANEL: the plot command for the logs of one panel.
curves() {
    awk -F '\t' -v panel="$1" -v out="$out" '
        $1 == panel {
            printf "%s\"%s/%s.log\" using 2:4 with lines linestyle %d title \"%s\"", separator, out, $2, ++i, $2
            separator = ", \\\n     "
        }
        BEGIN { printf "plot " }
        END { print "" }' "$out/table.tsv"
}

draw() {
    {
        echo "set output \"$out/demo.png\""
        cat <<'END'
set terminal pngcairo size 1500,640 font "DejaVu Sans,12" background "#ffffff"
set multiplot layout 1,2 title "Training loss of a 64-64-10 perceptron on handwritten digits" font ",15"
set style line 1 linewidth 2 linecolor "#0072b2"
set style line 2 linewidth 2 linecolor "#d55e00"
set style line 3 linewidth 2 linecolor "#009e73"
set style line 4 linewidth 2 linecolor "#cc79a7"
set style line 5 linewidth 2 linecolor "#e69f00"
set style line 6 linewidth 2 linecolor "#56b4e9"
set style line 7 linewidth 2 linecolor "#000000"
set style line 8 linewidth 2 linecolor "#8c510a"
set style line 9 linewidth 2 linecolor "#7b3294"
set style line 10 linewidth 2 linecolor "#999999"
set logscale y
set format y "10^{%T}"
set border 3 linecolor "#666666"
set tics nomirror textcolor "#333333"
set grid linetype 1 linecolor "#e8e8e8" linewidth 1
set key noenhanced Left reverse opaque box linecolor "#cccccc" samplen 2.5
set yrange [1e-5:5]
set xlabel "passes over the training images, all evaluations counted"
set ylabel "loss, smoothed over mini-batches"
END
        echo 'set title "one gradient a step"; set key bottom left; set xrange [0:20]'
        curves 1
        echo 'set title "global norms, wrappers, further evaluations"; set key bottom right; set xrange [0:60]'
        curves 2
        echo 'unset multiplot'
    } >"$out/curves.gp"
    gnuplot "$out/curves.gp"
}

echo
status=0
print_table >"$out/table.txt" || status=1
cat "$out/table.txt"
draw
printf '\ncurves: %s/demo.png   table: %s/table.txt\n' "$out" "$out"
exit $status
