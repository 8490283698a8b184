#!/bin/bash
# completion.sh TOOL COMPLETION: what bash proposes at the end of a command line.
set -eu
tool=$1
# shellcheck source=/dev/null
. "$2"

# completes EXPECTED WORD...: the last word is the one that is being typed
completes() {
    local expected=$1
    shift
    COMP_WORDS=("$tool" "$@") COMP_CWORD=$#
    _gradopt "$tool" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    if [ "${COMPREPLY[*]-}" != "$expected" ]; then
        echo "gradopt $*: proposes \"${COMPREPLY[*]-}\", not \"$expected\"" >&2
        exit 1
    fi
}

complete -p gradopt >/dev/null
completes 'inspect list describe port tune help' ''
completes 'list' l
completes '--json' list --j
completes '--help --json --version' -
# Those of the listing for programs, which the completion does not read.
families=$("$tool" list --json methods | grep -o '"family":"[a-z_]*"' | cut -d '"' -f 4 | uniq | tr '\n' ' ')
[[ $families == "gradient "*" games " ]] || { echo "families: $families" >&2 && exit 1; }
completes "methods ${families}wrappers schedules maps compressors" list ''
completes 'wrappers' list --json w
completes '' list methods ''
completes 'lbfgs' describe lb
completes 'engine' describe --json en
completes 'describe' help d
completes 'lbfgs' tune --problem quadratic lb
completes '--rule' tune --r
completes 'rosenbrock' tune --problem r
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
touch "$folder/run 1.optim"
completes "$folder/run 1.optim" inspect "$folder/run"
