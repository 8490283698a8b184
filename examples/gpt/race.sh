#!/bin/sh
# Methods of the library race on a small GPT: the same net, text, batches and number of steps for each, the best of
# three rates; a table, and a picture of the losses. Usage: race.sh BIN_DIR [OUT_DIR]    BIN_DIR holds gpt.
# RACE_STEPS=n, RACE_TEXT=path, RACE_SEED=n.
set -eu

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
    echo "usage: $0 BIN_DIR [OUT_DIR]" >&2
    exit 2
fi
gpt=$1/gpt
out=${2:-build/race}
steps=${RACE_STEPS:-300} text=${RACE_TEXT:-/usr/share/common-licenses} seed=${RACE_SEED:-1}
LC_ALL=C OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1
export LC_ALL OPENBLAS_NUM_THREADS OMP_NUM_THREADS
mkdir -p "$out"
: >"$out/all.tsv"

# race LABEL METHOD OPTIONS RATES [ARGUMENTS...]: one training for each rate.
race() {
    label=$1 method=$2 options=$3 rates=$4
    shift 4
    for rate in $rates; do
        printf '%s, lr=%s\n' "$label" "$rate" >&2
        said=$("$gpt" --text "$text" --seed "$seed" --steps "$steps" --log "$out/$label.$rate.log" \
            --method "$method" --options "lr=$rate${options:+,$options}" \
            --schedule "warmup_cosine:warmup=$((steps / 20)),steps=$steps" "$@" | tail -n 1)
        printf '%s\t%s\t%s\t%s\n' "$label" "$rate" "$said" "$method lr=$rate${options:+,$options} $*" >>"$out/all.tsv"
    done
}

decay=weight_decay=0.1
race sgd sgd momentum=0.9,nesterov=1 '0.1 0.3 1'
race adamw adamw "$decay,beta2=0.95" '3e-3 1e-2 3e-2'
race lion lion "$decay" '3e-4 1e-3 3e-3'
race adan adan "$decay" '3e-3 1e-2 3e-2'
race lamb lamb "$decay" '1e-2 3e-2 1e-1'
race ademamix ademamix "$decay" '1e-3 3e-3 1e-2'
race adopt adopt "$decay,decoupled=1" '1e-3 3e-3 1e-2'
race schedulefree schedulefree_adamw "$decay" '3e-3 1e-2 3e-2'
race prodigy prodigy '' '0.5 1 2'
race adam_mini adam_mini "$decay" '3e-3 1e-2 3e-2'
race adafactor adafactor 'relative_step=0' '3e-3 1e-2 3e-2'
race muon muon "$decay" '0.01 0.02 0.05' --others algorithm=adamw,lr=1e-2
race soap soap "$decay" '3e-3 1e-2 3e-2' --others algorithm=adamw,lr=1e-2
race shampoo shampoo '' '1e-2 3e-2 1e-1' --others algorithm=adamw,lr=1e-2
race psgd_kron psgd_kron '' '3e-4 1e-3 3e-3' --others algorithm=adamw,lr=1e-2

# The best rate of each, by the loss on text that was held out; the methods in that order.
awk -F '\t' '
    {
        n = split($3, part, " ")
        for (i = 1; i <= n; ++i) {
            split(part[i], pair, "=")
            value[pair[1]] = pair[2]
        }
        if (!($1 in best) || value["held_out"] + 0 < best[$1] + 0) {
            best[$1] = value["held_out"]
            line[$1] = value["held_out"] "\t" value["loss"] "\t" value["us_per_step"] "\t" value["bytes_per_parameter"] "\t" $2 "\t" $4
        }
    }
    END {
        for (label in line)
            print label "\t" line[label]
    }' "$out/all.tsv" | sort -t "$(printf '\t')" -k 2n >"$out/best.tsv"

{
    printf '| method | held-out loss | training loss | us a step in the library | bytes a parameter | settings |\n'
    printf '| --- | --- | --- | --- | --- | --- |\n'
    awk -F '\t' '{ printf "| %s | %.3f | %.3f | %d | %.1f | `%s` |\n", $1, $2, $3, $4, $5, $7 }' "$out/best.tsv"
} >"$out/table.md"
cat "$out/table.md"

if command -v gnuplot >/dev/null; then
    {
        echo "set output \"$out/race.png\""
        cat <<'END'
set terminal pngcairo size 1100,650 font "DejaVu Sans,12" background "#ffffff"
set title "Training loss of a small GPT, smoothed: the best of three rates each"
set border 3 linecolor "#666666"
set tics nomirror textcolor "#333333"
set grid linetype 1 linecolor "#e8e8e8" linewidth 1
set key noenhanced outside right Left reverse samplen 2
set xlabel "steps"
set ylabel "nats a character"
set yrange [*:*]
END
        awk -F '\t' -v out="$out" '
            { printf "%s\"%s/%s.%s.log\" using 1:3 with lines linewidth 2 dashtype %d title \"%s\"", separator, out, $1, $6,
                     (NR > 8 ? 2 : 1), $1
              separator = ", \\\n     " }
            BEGIN { printf "plot " }
            END { print "" }' "$out/best.tsv"
    } >"$out/race.gp"
    gnuplot "$out/race.gp"
    echo "curves: $out/race.png"
fi
