#!/bin/sh
# sizes.sh BENCH_STEP FOLDER [PEERS_CSV]: draws the time of AdamW's step per element against the size of a tensor, one
# curve for a format, into FOLDER/sizes.png, beside the bare traffic of f32 and what peers.py measured for the same sizes
# (`--cases 16,64,... --methods adamw --threads 1`).
set -eu
bench=$1 folder=$2 peers=${3:-}
here=$(dirname "$0")
mkdir -p "$folder"
rm -f "$folder/sizes.csv"
n=16
while [ "$n" -le 268435456 ]; do
    for methods in 'f32,bf16,f16 adamw' 'f32 adamw:state_dtype=bf16;adamw:state_dtype=int8'; do
        "$bench" -n "$n" --threads 1 --runs 7 --seconds 4 --dtypes "${methods%% *}" --methods "${methods#* }" \
            --csv "$folder/one.csv" >"$folder/one.txt"
        tail -n +2 "$folder/one.csv" >>"$folder/sizes.csv"
    done
    echo "$n elements"
    n=$((n * 4))
done
rm "$folder/one.csv" "$folder/one.txt"
gnuplot -e "sizes='$folder/sizes.csv'; peers='${peers:-$folder/sizes.csv}'; picture='$folder/sizes.png'" "$here/sizes.gp"
