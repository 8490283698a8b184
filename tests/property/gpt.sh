#!/bin/sh
# The small GPT trains on text, in two precisions, with two methods at once, and goes on after a break as if there had
# been none. Usage: gpt.sh PROGRAM TEXT
set -eu
gpt=$1 text=$2
OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
export OMP_NUM_THREADS OPENBLAS_NUM_THREADS
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# run ARGUMENTS...: a training of a tiny net; the line that it ends with.
run() {
    "$gpt" --text "$text" --layers 1 --width 32 --heads 2 --context 32 --batch 4 "$@" | tail -n 1
}

# field NAME LINE
field() {
    printf '%s\n' "$2" | tr ' ' '\n' | sed -n "s/^$1=//p"
}

# below LINE LIMIT: the held-out loss is less; a net that has learned nothing has log(characters) > 4.
below() {
    loss=$(field held_out "$1")
    awk -v loss="$loss" -v limit="$2" 'BEGIN { exit !(loss < limit) }' || {
        echo "$gpt ended at $loss, not below $2: $1" >&2
        exit 1
    }
}

below "$(run --steps 120)" 3.1
below "$(run --steps 120 --dtype bf16 --options lr=3e-3,master=f32)" 3.1
below "$(run --steps 120 --method muon --options lr=0.02 --others algorithm=adamw,lr=3e-3)" 3.1
below "$(run --steps 60 --accumulate 2 --wrap sam:rho=0.02 --schedule warmup_cosine:warmup=10,steps=60)" 3.6

whole=$(run --steps 20 --save "$folder/whole")
run --steps 12 --save "$folder/part" >/dev/null
rest=$(run --steps 20 --resume "$folder/part" --save "$folder/rest")
cmp "$folder/whole.params" "$folder/rest.params"
test "$(field held_out "$whole")" = "$(field held_out "$rest")"

run --steps 3 --save "$folder/part" >/dev/null
cp "$folder/whole.params" "$folder/part.params"
if run --steps 20 --resume "$folder/part" 2>"$folder/said" | grep -q held_out; then
    echo "parameters of another step were taken" >&2
    exit 1
fi
grep -q 'step 20' "$folder/said"

if "$gpt" --text "$text" --method nothing 2>"$folder/said"; then
    exit 1
fi
grep -q '"nothing"' "$folder/said"
"$gpt" --text "$text" --steps 1 --sample 40 --layers 1 --width 16 --heads 1 | head -c 10 >/dev/null
