#!/bin/sh
# commands.sh TOOL WRITER MANUAL: how the tool is called, what it says of a wrong call, and its exit status.
set -eu
tool=$1 writer=$2 manual=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
out=$folder/out err=$folder/err

fail() {
    echo "$1" >&2
    cat "$out" "$err" >&2
    exit 1
}
# exits STATUS ARGUMENT...: what it says is then in $out and $err
exits() {
    wanted=$1 status=0
    shift
    "$tool" "$@" >"$out" 2>"$err" || status=$?
    [ "$status" = "$wanted" ] || fail "gradopt $*: exit status $status, not $wanted"
    [ "$status" = 0 ] || [ -s "$err" ] || fail "gradopt $*: exit status $status without a word"
    [ "$status" != 2 ] || [ ! -s "$out" ] || fail "gradopt $*: the complaint is on standard output"
}
prints() {
    grep -qF -- "$1" "$out" || fail "does not print: $1"
}
complains() {
    grep -qF -- "$1" "$err" || fail "does not complain: $1"
}
lines() {
    [ "$(wc -l <"$out")" = "$1" ] || fail "$(wc -l <"$out") lines, not $1"
}

# Help is a question, not a name.
for command in inspect list describe port tune; do
    exits 0 $command --help
    prints "usage: gradopt $command"
    exits 0 $command -h
    prints "usage: gradopt $command"
    exits 0 help $command
    prints "usage: gradopt $command"
done
exits 0 --help
prints 'exit status: 0'
exits 0 -h
exits 0 help
exits 0 --version
prints 'gradopt '

# Without a call: the names of other libraries.
exits 0 port
prints 'torch.optim.AdamW '
prints 'pytorch_optimizer.Lion '

# The wrong word is named, and the nearest proposed.
exits 2
complains usage
exits 2 lsit
complains '"lsit" (did you mean "list"?)'
exits 2 help lsit
complains '"lsit" (did you mean "list"?)'
exits 2 describe adamm
complains '"adamm" (did you mean "adam", "adamw"'
exits 2 describe ADAMW
complains '"ADAMW" (did you mean "adamw"?)'
exits 2 describe lbgfs
complains '"lbgfs" (did you mean "lbfgs"'
exits 2 describe look-ahead
complains '(did you mean "lookahead"?)'
exits 2 describe Engine
complains '(did you mean "engine"?)'
exits 2 list metods
complains '"metods" (did you mean "methods"?)'
exits 2 list Adaptive
complains '(did you mean "adaptive"?); there are: methods, gradient, adaptive, '
complains 'games, wrappers, schedules'
exits 2 list wrappers zzz
complains 'none of the wrappers has "zzz"'
exits 2 list lr_free zzz
complains 'none of the lr_free methods has "zzz"'
exits 2 list --jsno
complains '"--jsno" (did you mean "--json"?)'
exits 2 inspect --verify file
complains '"--verify"'
exits 2 list -x
complains '"-x"'
exits 2 list --help=yes
complains 'takes no value'
exits 2 inspect
complains 'FILE is missing'
exits 2 describe
complains 'NAME is missing'
exits 2 describe adam adamw
complains '"adamw" is one word too many'
exits 2 list methods adam adamw
complains '"adamw" is one word too many'

exits 2 describe "$(printf 'a\033[31mb')"
complains '"a\x1b[31mb"'
exits 2 list --json -jh
complains '"-j"'

# What follows -- is no option.
exits 2 describe -- --help
complains '"--help"'
exits 1 inspect -- --help
complains 'cannot open "--help"'

# Options may stand before the command and behind it, and where the environment wants them first, before its operands.
exits 0 --json list wrappers
prints '{"wrappers":['
exits 0 list wrappers --json
prints '{"wrappers":['
exits 0 --help describe
prints 'usage: gradopt describe'
POSIXLY_CORRECT=1 "$tool" list --json wrappers >"$out" 2>"$err" || fail 'list --json under POSIXLY_CORRECT'
prints '{"wrappers":['

# Families and words.
exits 0 list
for heading in gradient: adaptive: lr_free: games: wrappers: schedules:; do
    [ "$(grep -cx "$heading" "$out")" = 1 ] || fail "not one heading: $heading"
done
exits 0 list wrappers
prints lookahead
[ "$(grep -c ':$' "$out")" = 1 ] || fail 'more than one family'
exits 0 list methods LBFGS
lines 2
prints curvature:
prints lbfgs
exits 0 list --json matrix
prints '{"methods":[{"name":"muon","family":"matrix",'
matrix=$(grep -o '"family":"matrix"' "$out" | wc -l)
exits 0 list matrix
lines $((matrix + 1)) # the heading
prints muon
exits 0 list games adam
lines 4
exits 0 list schedules onecycle
lines 2

# Keywords by their words, numbers with all their digits, nothing for a list.
exits 0 describe lbfgs
grep -Eq 'line_search +strong_wolfe\|armijo\|[a-z_|]+ +default strong_wolfe ' "$out" || fail 'line_search'
exits 0 describe engine
grep -Eq 'nonfinite +[a-z|]+ +default [a-z]+ ' "$out" || fail 'nonfinite'
exits 0 describe adamw
grep -Eq 'beta2 .*default 0\.999 ' "$out" || fail 'beta2'
exits 0 describe multistep
grep -E ' list ' "$out" | grep -q default && fail 'a list has no default'

# Standard input.
"$writer" "$folder/state" >/dev/null
exits 0 inspect "$folder/state"
cp "$out" "$folder/expected"
"$tool" inspect - <"$folder/state" >"$out" 2>"$err" || fail 'inspect - <FILE'
cmp -s "$out" "$folder/expected" || fail 'a file from standard input is another one'
# shellcheck disable=SC2002 # a pipe is what is tested
cat "$folder/state" | "$tool" inspect - >"$out" 2>"$err" || fail 'inspect - in a pipe'
cmp -s "$out" "$folder/expected" || fail 'a pipe is another file'
status=0
head -c 100 "$folder/state" | "$tool" inspect - >"$out" 2>"$err" || status=$?
[ "$status" = 1 ] || fail "a cut pipe: exit status $status"
complains 'standard input is not a checkpoint that can be read'
status=0
"$tool" inspect - </dev/null >"$out" 2>"$err" || status=$?
[ "$status" = 1 ] || fail "nothing: exit status $status"
status=0
"$tool" inspect - <"$folder" >"$out" 2>"$err" || status=$?
[ "$status" = 1 ] || fail "a folder: exit status $status"
complains 'standard input cannot be read'

for word in --json --help -- FAMILY WORD 'standard input' SIGPIPE SPACE --rule '{checkpoint}'; do
    sed 's/\\-/-/g' "$manual" | grep -qF -- "$word" || fail "the manual page does not say: $word"
done
