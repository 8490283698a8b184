#!/bin/sh
# inspect.sh TOOL WRITER: `gradopt inspect` tells what there is, and sees one changed byte.
set -eu
tool=$1 writer=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
file=$folder/state.safetensors

says() {
    grep -qF -- "$1" "$folder/out" || {
        echo "does not say: $1" >&2
        cat "$folder/out" >&2
        exit 1
    }
}

"$writer" "$file"
"$tool" inspect "$file" >"$folder/out"
says 'after 3 steps'
says 'lr=0.25'
says 'wsd(steps=10,cooldown=5)'
says 'w/adamw.m                                F32   [3, 4]'
says 'b/adamw.v                                F64   [5]'
says 'sound: every checksum is right'

size=$(wc -c <"$file")
printf 'X' | dd of="$file" bs=1 seek=$((size - 3)) conv=notrunc 2>/dev/null
if "$tool" inspect "$file" >"$folder/out"; then
    echo 'a damaged file passes for sound' >&2
    exit 1
fi
says 'DAMAGED: its checksum is wrong'

printf 'nonsense' >"$file"
if "$tool" inspect "$file" >"$folder/out" 2>&1; then
    exit 1
fi
says 'is not a checkpoint'
if "$tool" inspect "$folder/nothing" >"$folder/out" 2>&1; then
    exit 1
fi
says 'cannot open'
"$tool" list | grep -q adamw
"$tool" describe adamw | grep -q beta2
