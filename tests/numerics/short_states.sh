#!/bin/sh
# short_states.sh TRAIN_DIGITS: with every state in bf16, in 8 or in 4 bits the digits are still learnt to 95 %. (Every method in every
# form, at every learning rate, is a page of its own: docs/short_states.md.)
set -eu

# Prints what the method reached and fails below 95 %. The options name a learning rate at which f32 states do.
check() {
    accuracy=$("$1" --grid --method "$2" --epochs 20 --threads 1 --options "$3,state_min=0" | sed 's/.*accuracy=\([^ ]*\) .*/\1/')
    echo "$2 $3: $accuracy"
    awk "BEGIN { exit !($accuracy >= 0.95) }"
}

for form in bf16 int8; do
    check "$1" adamw "lr=1e-2,state_dtype=$form"
    check "$1" adagrad "lr=1e-1,state_dtype=$form"
    check "$1" rmsprop "lr=1e-3,state_dtype=$form"
    check "$1" lion "lr=1e-3,state_dtype=$form"
    check "$1" heavy_ball "lr=3e-1,state_dtype=$form"
    check "$1" optimistic_gd "lr=3e-1,state_dtype=$form"
    check "$1" adan "lr=3e-2,state_dtype=$form"
    check "$1" ademamix "lr=1e-2,state_dtype=$form"
done
check "$1" adamw "lr=1e-2,state_dtype=int4"
check "$1" heavy_ball "lr=3e-1,state_dtype=int4"
