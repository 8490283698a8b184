# shellcheck shell=bash
# Completion of gradopt's command lines: commands, options, families, names and files.
_gradopt() {
    local word=${COMP_WORDS[COMP_CWORD]} words='' operands=() i
    for ((i = 1; i < COMP_CWORD; ++i)); do
        [[ ${COMP_WORDS[i]} == -?* ]] || operands+=("${COMP_WORDS[i]}")
    done
    if [[ ${operands[0]-} == tune && ${COMP_WORDS[COMP_CWORD - 1]} == --problem ]]; then
        words='quadratic rosenbrock logistic'
    elif [[ ${operands[0]-} == tune && $word == -* ]]; then
        words='--help --rule --problem --seed --jobs --folder --json'
    elif [[ $word == -* ]]; then
        words='--help --json --version'
    else
        case ${#operands[@]},${operands[0]-} in
        0,) words='inspect list describe port tune help' ;;
        1,help) words='inspect list describe port tune' ;;
        1,list) words="methods $("$1" list 2>/dev/null | sed -n 's/^\([a-z_]*\):$/\1/p')" ;;
        1,describe) words="engine $("$1" list 2>/dev/null | sed -n 's/^  \([^ ]*\) .*/\1/p')" ;;
        *,tune) words=$("$1" list methods 2>/dev/null | sed -n 's/^  \([^ ]*\) .*/\1/p') ;;
        1,inspect)
            compopt -o filenames 2>/dev/null || : # outside of a completion there is none
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            return
            ;;
        esac
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _gradopt gradopt
