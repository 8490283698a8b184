#!/bin/sh
# The verdicts of the runner itself: runner.sh GOLDEN DATA WORK, where WORK is a folder to write to.
set -eu

golden=$1
data=$2
work=$3
rm -rf "$work"
mkdir -p "$work"

# expect STATUS PATTERN ARGUMENTS...: the runner ends with the status, and prints a line that matches.
expect() {
    status=0
    wanted=$1
    pattern=$2
    shift 2
    "$golden" "$@" >"$work/said" 2>&1 || status=$?
    if [ "$status" -ne "$wanted" ] || ! grep -Eq "$pattern" "$work/said"; then
        echo "golden $*: status $status, not $wanted, or no line like: $pattern"
        cat "$work/said"
        exit 1
    fi
}

# change NAME SCRIPT: WORK/NAME.golden, a file of the tests changed by sed.
change() {
    sed "$2" "$data/adam_default.golden" >"$work/$1.golden"
}

change right ''
change wrong '/^step 3$/,/^step 4$/s/^\(want [a-zA-Z0-9]*\) [^ ]*/\1 12345.5/'
change unknown 's/^algorithm .*/algorithm nosuchmethod/'
change wrapped 's/^algorithm .*/&\nwrap nosuchwrapper/'
change word 's/^\(init [a-zA-Z0-9]*\) [^ ]*/\1 zero/'
change line 's/^steps .*/&\nstride 3/'
change cut '/^end$/d'
change few 's/^steps .*/steps 1/'
printf 'format gradopt-maps 1\ncase m\nrtol 1e-10\ninput 2 1 2\nmap nosuchmap k=1\nout 1 2\nend\n' >"$work/map.golden"
printf 'format gradopt-solver 1\ncase s\nmethod nosuchmethod\noptions\nrtol 1e-10\nsteps 1\n' >"$work/solver.golden"
printf 'param x 1 2\ninit x 1 2\noutput x 1 2\nstep 1\nwant x 1 2\nend\n' >>"$work/solver.golden"

# solver NAME LINE: a file of a method that exists: two particles on quad, a state, a number, counts; LINE is its last want.
solver() {
    cat >"$work/$1.golden" <<END
format gradopt-solver 1
case $1
method adam
options lr=0.01
problem quad d=2
rtol 1e-7
steps 1
param x 2 2 2
init x 0 0 1 1
output x 2 2 2
output m 2 2 2
output lr 1 1
output evals 1 3
step 1
want x -0.01 -0.01 0.99 0.99
want m 0.05 0.02727272727272727 0.15 0.22727272727272727
want lr 0.01
$2
end
END
}

solver solver_right 'want evals 0 1 0'
solver solver_counts 'want evals 0 2 0'
solver solver_state 'want m 0.05 0.02727272727272727 0.15 0.25'
solver solver_unknown 'want y 1'

expect 0 '^ok .*right.golden$' "$work/right.golden"
expect 0 '^1 passed, 0 failed, 0 not run$' "$work/right.golden"
expect 1 '^FAILED .*wrong.golden: f64, 1 threads, step 3: .*\[0\] is .*, not 12345.5: .* times the tolerance' \
    "$work/wrong.golden"
expect 0 '^not run .*: no method "nosuchmethod" here$' "$work/unknown.golden"
expect 1 '^not run .*: no method "nosuchmethod" here$' --all "$work/unknown.golden"
expect 0 '^not run .*: no wrapper "nosuchwrapper" here$' "$work/wrapped.golden"
expect 0 '^not run .*: no map nosuchmap here' "$work/map.golden"
expect 0 '^not run .*: no method "nosuchmethod" here$' "$work/solver.golden"
expect 1 '^FAILED .*: word.golden:[0-9]+: not a number$' "$work/word.golden"
expect 1 '^FAILED .*: line.golden:[0-9]+: the format has no line "stride"$' "$work/line.golden"
expect 1 '^FAILED .*: cut.golden:[0-9]+: the file has no line "end"$' "$work/cut.golden"
expect 1 '^FAILED .*: few.golden:[0-9]+: not behind a step that is made$' "$work/few.golden"
expect 1 '^FAILED .*nosuchfile: it cannot be opened$' "$work/nosuchfile"
expect 0 '^ok ' "$work/solver_right.golden"
expect 1 '^FAILED .*: step 1: 0 values, 1 gradients and 0 gradients of components were asked for, not 0, 2 and 0$' \
    "$work/solver_counts.golden"
expect 1 '^FAILED .*: f64, 1 threads, step 1: m\[3\] is 0.227.*, not 0.25: ' "$work/solver_state.golden"
expect 1 '^FAILED .*: solver_unknown.golden:18: there is no "y"$' "$work/solver_unknown.golden"
expect 1 '^2 passed, 8 failed, 4 not run$' "$work"
echo "every verdict is right"
