#!/bin/sh
# tune.sh TOOL: races of commands and of the tool's own problems, what they leave behind, and what is refused.
set -eu
tool=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
out=$folder/out err=$folder/err race=$folder/race

fail() {
    echo "$1" >&2
    cat "$out" "$err" >&2
    exit 1
}
# tune STATUS ARGUMENT...
tune() {
    wanted=$1 status=0
    shift
    "$tool" tune "$@" >"$out" 2>"$err" || status=$?
    [ "$status" = "$wanted" ] || fail "gradopt tune $*: exit status $status, not $wanted"
}
prints() {
    grep -q -- "$1" "$out" || fail "does not print: $1"
}
complains() {
    grep -qF -- "$1" "$err" || fail "does not complain: $1"
}

# The loss is a valley around lr = 0.01. What it had before must be in its checkpoint; the last number is the loss.
cat >"$folder/train" <<'END'
set -eu
echo "$1 $2 $3 $4 $6" >>"$5"
[ "$4" = 0 ] || [ "$(cat "$6")" = "$4" ] || exit 3
[ "$1" = sgd ] || exit 4
echo "$3" >"$6"
echo "no number at all is 1 of these"
awk -v "rest=$2" -v "budget=$3" 'BEGIN {
    sub(".*lr=", "", rest)
    away = log(rest / 0.01)
    printf "step 7 loss: %.6g\n\n", away * away + 1 / budget
}'
END
rule=max_resource=9,min_resource=1
# words of the command
run() {
    tune 0 --folder "$race" --rule "$rule" "$@" -- sh "$folder/train" '{method}' '{options}' '{budget}' '{spent}' \
        "$folder/calls" '{checkpoint}'
}
run 'sgd:momentum=0|0.9,lr=1e-4..1'
grep -q 'bracket 2, rung 2: 1 of 1 at budget 9; best ' "$err" || fail 'no progress'
prints ' sgd momentum=0'
prints "^checkpoint of the best: $race/[0-9]*.optim"
[ "$(wc -l <"$folder/calls")" = 22 ] || fail 'not the jobs of hyperband 9: 9 + 3 + 1, 5 + 1, 3'
[ "$(find "$race" -name '*.optim' | wc -l)" = 1 ] || fail 'checkpoints of those that are out are left'
[ "$(find "$race" -name '*.log' | wc -l)" = 0 ] || fail 'empty logs are left'
cp "$out" "$folder/first"

# The same call runs nothing again; one that was cut short goes on; another one is refused.
run 'sgd:momentum=0|0.9,lr=1e-4..1'
[ "$(wc -l <"$folder/calls")" = 22 ] || fail 'runs what is known'
cmp -s "$out" "$folder/first" || fail 'another table'
head -n 15 "$race/losses.txt" >"$folder/cut"
printf '7 3' >>"$folder/cut" # in the middle of a line
cp "$folder/cut" "$race/losses.txt"
rm -f "$race"/*.optim
tune 2 --folder "$race" --rule "$rule" sgd -- sh "$folder/train" '{options}' '{budget}'
complains 'is of another race'

# Several at once: the same losses. Failures are told of and come last.
rm -rf "$race" "$folder/calls"
run --jobs 3 'sgd:momentum=0|0.9,lr=1e-4..1'
cmp -s "$out" "$folder/first" || fail 'another table with three jobs at once'
rm -rf "$race" "$folder/calls"
run sgd:lr=1e-4..1 adam
prints ' adam .*exit status 4'
prints '    1 .* sgd '
rm -rf "$race"
tune 1 --folder "$race" --rule "$rule" adam -- sh "$folder/train" '{method}' '{options}' '{budget}' 0 "$folder/calls"
complains 'none of the first runs came to a finite loss'
rm -rf "$race"
tune 1 --folder "$race" sgd -- "$folder/missing" '{options}' '{budget}'
complains 'cannot be started: No such file'
rm -rf "$race"
tune 1 --folder "$race" sgd -- sh -c 'echo says nothing; echo loud >&2' '{options}' '{budget}'
complains 'no number in the last line printed'
grep -q loud "$race/0.log" || fail 'no log'

# An interrupted command ends the race, and is run again by the next call.
rm -rf "$race" "$folder/calls"
# shellcheck disable=SC2016 # for the inner shell to expand
script='[ -e "$0" ] || kill -INT $$; echo 1'
tune 1 --folder "$race" --rule "$rule" sgd -- sh -c "$script" "$folder/again" '{options}' '{budget}'
complains 'the same call goes on'
touch "$folder/again"
tune 0 --folder "$race" --rule "$rule" sgd -- sh -c "$script" "$folder/again" '{options}' '{budget}'

# Problems of its own. A run that is stopped and taken up is the run that was not.
for problem in quadratic rosenbrock logistic; do
    rm -rf "$race"
    tune 0 --folder "$race" --problem $problem --rule max_resource=60,min_resource=20 'sgd:lr=1e-5..1e-3' lbfgs adamw
    prints ' lbfgs lr='
    prints ' adamw lr='
done
rm -rf "$race"
tune 0 --folder "$race" --problem logistic --rule max_resource=27,min_resource=3 --json 'adamw:lr=0.01'
grep -o '"budget":27,"loss":[^,]*' "$out" | sort -u >"$folder/losses"
[ "$(wc -l <"$folder/losses")" = 1 ] || fail 'taken up it is another run'
rm -rf "$race"
tune 0 --folder "$race" --problem logistic --rule max_resource=27,min_resource=3 'saga:lr=0.01' mdmm
prints ' mdmm .*onstraint'

if command -v gnuplot >/dev/null; then
    rm -rf "$race"
    run 'sgd:lr=1e-4..1'
    [ -s "$race/race.png" ] || fail 'no picture'
    prints '^picture: '
fi

# What is refused, and that nothing is made then.
refused() {
    sentence=$1
    shift
    tune 2 --folder "$folder/none" "$@"
    complains "$sentence"
    [ ! -e "$folder/none" ] || fail "$sentence: a folder is made"
}
refused 'no algorithm is called "sgdd" (did you mean "sgd"' --problem quadratic sgdd
refused '"sgd" has no option "lrr" (did you mean "lr"?)' --problem quadratic sgd:lrr=1
refused 'lr must be LOW..HIGH' --problem quadratic sgd:lr=1..0.1
refused 'option "lr" cannot be -1' --problem quadratic sgd:lr=-1..1
refused 'a value of lr is empty' --problem quadratic 'sgd:lr=1||2'
refused '"momentum" is not KEY=VALUES' --problem quadratic sgd:momentum
refused 'no problem is called "logistics" (did you mean "logistic"?)' --problem logistics sgd
refused 'say what to train' sgd
refused 'say what to train' --problem quadratic sgd -- true '{options}' '{budget}'
refused 'SPACE is missing' --problem quadratic
refused 'no command stands behind --' sgd --
refused '{options} stands nowhere' sgd -- true '{budget}'
refused '{budget} stands nowhere' sgd -- true '{options}'
refused 'option "eta" cannot be 1' --rule eta=1 --problem quadratic sgd
refused '--jobs 0' --jobs 0 --problem quadratic sgd
refused '--seed -1' --seed -1 --problem quadratic sgd
refused '--seed needs a value' --problem quadratic sgd --seed
refused '"--frob"' --frob --problem quadratic sgd
tune 2 --folder "$folder/none" --rule max_resource=3,min_resource=3 --problem quadratic sgd adam
complains 'fewer than there are spaces'
tune 1 --folder "$folder/none/deeper/still" --problem quadratic sgd
complains 'cannot make the folder'
