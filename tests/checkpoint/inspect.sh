#!/bin/sh
# inspect.sh TOOL WRITER MANUAL: `gradopt inspect` tells what there is, sees one changed byte, and exits as its help says.
set -eu
tool=$1 writer=$2 manual=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
file=$folder/state.safetensors

fail() {
    echo "$1" >&2
    cat "$folder/out" >&2
    exit 1
}
# exits STATUS ARGUMENT...: what it says is then in $folder/out
exits() {
    wanted=$1 status=0
    shift
    "$tool" "$@" >"$folder/out" 2>&1 || status=$?
    [ "$status" = "$wanted" ] || fail "gradopt $*: exit status $status, not $wanted"
}
says() {
    grep -qxF -- "$1" "$folder/out" || fail "no line is: $1"
}
mentions() {
    grep -qF -- "$1" "$folder/out" || fail "does not say: $1"
}

# Sound ones.
"$writer" "$file" >"$folder/parameters"
exits 0 inspect "$file"
says 'after 3 steps, 0 skipped, 0 random numbers drawn'
says 'parameter w F32 [3, 4] in group 0 (adamw)'
says 'wrappers, from the inside: ema'
says 'adamw, group 0: lr=0.25 beta1=0.9 beta2=0.999 eps=1e-08 eps_in_root=0 weight_decay=0.01 amsgrad=0 bias_correction=1'
says 'ema: n=3 prod=0.997002999'
says 'schedule of lr in group 0: wsd(steps=10,cooldown=5)'
says 'array w/adamw.m F32 [3, 4]'
says 'array b/adamw.v F64 [5]'
says '6 arrays, 264 bytes'
says 'sound: every checksum is right'
"$writer" "$folder/forms" forms >"$folder/parameters"
exits 0 inspect "$folder/forms"
says 'parameter kahan F16 [4] in group 2 (adamw)'
says 'engine, group 3: state_dtype=bf16 state_min=0'
says 'engine: accumulated=1 accumulated_loss=0'
says 'array int8/adamw.m.scales F32 [3]'
says 'array scalar/adamw.m F32 []'
"$writer" "$folder/names" names >"$folder/parameters"
exits 0 inspect "$folder/names"
says 'array two\x0alines\x09and a bell \x07/adamw.m F32 []'
says 'array \xc2\x9b[31m/adamw.m F32 []'
says 'array "quoted" \x5c and {braces}/ema.avg F32 []'

# Shares of two ranks.
"$writer" "$folder/ranks" shares
exits 0 inspect "$folder/ranks"
says "share $(cd "$folder" && echo ranks.0-of-2.*)"
says 'array w/adamw.m F64 [4]'
says 'array b/adamw.v F64 [4]'
says '4 arrays, 128 bytes'
says 'sound: every checksum is right'
share=$(echo "$folder"/ranks.1-of-2.*)
exits 0 inspect "$share"
says 'the share of rank 1 of 2'
says '2 arrays, 64 bytes'
exits 0 inspect --json "$folder/ranks"
mentions '"sound":true'
"$tool" inspect - <"$folder/ranks" >"$folder/out" 2>&1 && fail 'shares are found beside standard input'
mentions 'lie in files beside it'
cp "$share" "$folder/whole"
printf 'X' | dd of="$share" bs=1 seek=$(($(wc -c <"$share") - 3)) conv=notrunc 2>/dev/null
exits 1 inspect "$folder/ranks"
says 'array b/adamw.v F64 [4]  DAMAGED: its checksum is wrong'
rm "$share"
exits 1 inspect "$folder/ranks"
mentions 'cannot be loaded without its shares'

# Every kind of damage.
size=$(wc -c <"$file")
cp "$file" "$folder/damaged"
printf 'X' | dd of="$folder/damaged" bs=1 seek=$((size - 3)) conv=notrunc 2>/dev/null
exits 1 inspect "$folder/damaged"
says 'array w/ema.avg F32 [3, 4]  DAMAGED: its checksum is wrong'
says 'array w/adamw.m F32 [3, 4]'
says 'DAMAGED'
sed 's/beta1/beta7/' "$file" >"$folder/damaged"
exits 1 inspect "$folder/damaged"
mentions 'DAMAGED: the checksum of its header is wrong'
for length in 0 7 100 $((size - 1)); do
    head -c "$length" "$file" >"$folder/damaged"
    exits 1 inspect "$folder/damaged"
    mentions 'is not a checkpoint that can be read'
done
printf 'nonsense' >"$folder/damaged"
exits 1 inspect "$folder/damaged"
mentions 'is not a checkpoint that can be read'
printf '\070\0\0\0\0\0\0\0{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}  0123' >"$folder/damaged"
exits 1 inspect "$folder/damaged"
mentions 'is a safetensors file, but not a checkpoint of libgradopt'
exits 1 inspect "$folder/nothing"
mentions 'cannot open'
exits 1 inspect "$folder"
mentions 'is not a file'

# The rest of the tool.
exits 0 list
mentions adamw
exits 0 describe adamw
mentions beta2
exits 2 describe nothing
exits 2 inspect
exits 2
exits 0 --version
exits 0 --help
mentions 'exit status: 0'
for word in inspect list describe --version 'EXIT STATUS'; do
    sed 's/\\-/-/g' "$manual" | grep -qF -- "$word" || fail "the manual page does not say: $word"
done
