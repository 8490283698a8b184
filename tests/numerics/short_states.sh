#!/bin/sh
# short_states.sh TRAIN_DIGITS: with every state in bf16, in 8 or in 4 bits, and with methods whose own states are small,
# the digits are still learnt to 95 %. (Every method in every form, at every learning rate, is a page of its own:
# docs/short_states.md.)
set -eu

# Prints what the method reached and fails below 95 %.
check() {
    accuracy=$("$1" --grid --method "$2" --epochs 20 --threads 1 --options "$3" | sed 's/.*accuracy=\([^ ]*\) .*/\1/')
    echo "$2 $3: $accuracy"
    awk "BEGIN { exit !($accuracy >= 0.95) }"
}

# The options name learning rates at which f32 states reach it.
for form in bf16 int8; do
    short="state_dtype=$form,state_min=0"
    check "$1" adamw "lr=1e-2,$short"
    check "$1" adagrad "lr=1e-1,$short"
    check "$1" rmsprop "lr=1e-3,$short"
    check "$1" lion "lr=1e-3,$short"
    check "$1" heavy_ball "lr=3e-1,$short"
    check "$1" optimistic_gd "lr=3e-1,$short"
    check "$1" adan "lr=3e-2,$short"
    check "$1" ademamix "lr=1e-2,$short"
done
check "$1" adamw "lr=1e-2,state_dtype=int4,state_min=0"
check "$1" heavy_ball "lr=3e-1,state_dtype=int4,state_min=0"

# Methods whose states are small by themselves.
check "$1" adafactor "lr=1e-2"
check "$1" came "lr=1e-2"
check "$1" adam_mini "lr=1e-2"
check "$1" sm3 "lr=1e-1"
check "$1" microadam "lr=3e-3"
check "$1" frugal "lr=1e-2"
check "$1" galore "lr=3e-2,rank=16"
check "$1" adam8bit "lr=1e-2,min_8bit_size=0"
check "$1" normuon "lr=2e-2"
check "$1" adamuon "lr=1e-2"
check "$1" dion "lr=1e-2"
