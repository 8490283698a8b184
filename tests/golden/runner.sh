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
expect 1 '^1 passed, 5 failed, 4 not run$' "$work"
echo "every verdict is right"
