# Completion for corps-lab in bash. What there is to choose from comes from the program itself: corps-lab list --plain.

_corps_lab_plain() { "${COMP_WORDS[0]}" list --plain "$@" 2>/dev/null; }

_corps_lab_options() { "${COMP_WORDS[0]}" "$1" --help 2>/dev/null | grep -oE -- "--[a-z][a-z-]*" | sort -u; }

# The lines of standard input that begin as the word `cur` does.
_corps_lab_reply() {
    local word
    COMPREPLY=()
    while IFS= read -r word; do
        if [[ $word == "$cur"* ]]; then COMPREPLY+=("$word"); fi
    done
}

_corps_lab_files() { compgen -f -- "$cur"; compgen -d -S / -- "$cur"; }

_corps_lab() {
    local cur=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]:-} key=
    COMPREPLY=()
    if [ "$COMP_CWORD" = 1 ]; then
        _corps_lab_reply < <(_corps_lab_plain commands; printf '%s\n' --help --version)
        return
    fi
    # bash cuts words at "=": key, "=", value. After the equals sign the word to complete is empty.
    if [ "$cur" = = ]; then key=$previous cur=
    elif [ "$previous" = = ]; then key=${COMP_WORDS[COMP_CWORD - 2]}
    elif [[ $cur == *=* ]]; then key=${cur%%=*} cur=${cur#*=}
    fi
    if [ -n "$key" ]; then
        _corps_lab_reply < <(_corps_lab_plain values "${key#--only }")
        return
    fi
    case $previous in
    --resume | --out | --html | --paper | --export-csv | --export-markdown | --export-json | --program | --against | --matrix | --to | --hosts) _corps_lab_reply < <(_corps_lab_files); return ;;
    --transport | --serializer | --workload | --payload | --wake | --placement | --lang)
        _corps_lab_reply < <(_corps_lab_plain values "${previous#--}"); return ;;
    --wake-not) _corps_lab_reply < <(_corps_lab_plain values wake); return ;;
    --only) _corps_lab_reply < <(_corps_lab_plain keys); COMPREPLY=("${COMPREPLY[@]/%/=}"); compopt -o nospace 2>/dev/null; return ;;
    --by) _corps_lab_reply < <(printf '%s\n' latency cpu throughput); return ;;
    esac
    if [[ $cur == -* ]]; then
        _corps_lab_reply < <(_corps_lab_options "$command")
        return
    fi
    case $command in
    list) _corps_lab_reply < <(_corps_lab_plain topics) ;;
    cell) _corps_lab_reply < <(_corps_lab_plain keys); COMPREPLY=("${COMPREPLY[@]/%/=}"); compopt -o nospace 2>/dev/null ;;
    run) _corps_lab_reply < <(_corps_lab_plain matrices; compgen -G "experiments/matrices/*.yaml"; _corps_lab_files) ;;
    *) _corps_lab_reply < <(_corps_lab_files) ;;
    esac
}

complete -F _corps_lab corps-lab
