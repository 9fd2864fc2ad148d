# Copyright (C) Ficus authors
#
# Completion of ficusctl in bash.

_ficusctl_splits() {
    ficusctl "$@" --json status 2> /dev/null \
    | grep -o '"name":"[^"]*","generation"' | cut -d '"' -f 4
}


_ficusctl_letters() {
    ficusctl "$@" --json dlq list 2> /dev/null \
    | grep -o '"id":"[^"]*","key"' | cut -d '"' -f 4
}


# Names of the databases in a directory.
_ficusctl_databases() {
    local file

    for file in "$1"/*.db; do
        [[ -e $file ]] && basename "$file" .db
    done
}


# Those of its lines that begin so.  They are other people's names, in which
# compgen -W would run what looks like a command; nor is the shell to run it.
_ficusctl_offer() {
    local name

    while IFS= read -r name; do
        [[ $name == "$1"* ]] && printf '%q\n' "$name"
    done
}


_ficusctl() {
    local cur prev word words=() server=() i
    local data=${FICUS_RUN_DIR:-run}/data
    local commands='status set p ramp explain slots replay history rollback
                    shadow diff ledger watch doctor dlq sync backup restore'
    local options='--json --url= --token-file= --if-match= --reason=
                   --worker= --help --version --weights= --state= --format=
                   --key= --top= --to= --step= --every= --max-error-ratio=
                   --max-latency-ratio= --max-mismatch-ratio= --quantile=
                   --min-requests= --down= --verify --forget --data= --raise=
                   --mongodb --source='

    cur=${COMP_WORDS[COMP_CWORD]}
    prev=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()

    # to bash = and : are words
    if [[ $prev == = || $cur == = ]]; then
        if [[ $COMP_LINE == *--data=* ]]; then
            mapfile -t COMPREPLY < <(compgen -d -- "${cur#=}")
        elif [[ $COMP_LINE =~ --(token-file|state)=[^\ ]*$ ]]; then
            mapfile -t COMPREPLY < <(compgen -f -- "${cur#=}")
        fi
        return
    fi

    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
        [[ ${COMPREPLY[*]} == *= ]] && compopt -o nospace
        return
    fi

    # what is neither an option nor a piece of its value
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}

        if [[ $word != [-=:]* && ${COMP_WORDS[i - 1]} != [=:] ]]; then
            words+=("$word")
        fi
    done

    if [[ $COMP_LINE =~ --url=([^ ]+) ]]; then
        server=("--url=${BASH_REMATCH[1]}")
    fi

    if [[ $COMP_LINE =~ --data=([^ ]+) ]]; then
        data=${BASH_REMATCH[1]}
    fi

    case ${#words[@]} in
        0) mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$cur") ;;
        1) case ${words[0]} in
               dlq) mapfile -t COMPREPLY \
                    < <(compgen -W 'list show redrive drop' -- "$cur")
                    return ;;
               sync) mapfile -t COMPREPLY \
                     < <(compgen -W 'check repair' -- "$cur")
                     return ;;
               backup | restore) mapfile -t COMPREPLY \
                                 < <(compgen -d -- "$cur")
                                 return ;;
               replay) mapfile -t COMPREPLY < <(compgen -f -- "$cur")
                       return ;;
               doctor) return ;;
           esac
           mapfile -t COMPREPLY \
           < <(_ficusctl_splits "${server[@]}" | _ficusctl_offer "$cur") ;;
        2) case ${words[0]} in
               backup) mapfile -t COMPREPLY \
                       < <(_ficusctl_databases "$data" \
                           | _ficusctl_offer "$cur") ;;
               restore) mapfile -t COMPREPLY \
                        < <(_ficusctl_databases "${words[1]}" \
                            | _ficusctl_offer "$cur") ;;
               ramp) mapfile -t COMPREPLY \
                     < <(compgen -W 'start pause resume abort' -- "$cur") ;;
               replay) mapfile -t COMPREPLY \
                       < <(_ficusctl_splits "${server[@]}" \
                           | _ficusctl_offer "$cur") ;;
               dlq) [[ ${words[1]} == list ]] || mapfile -t COMPREPLY \
                    < <(_ficusctl_letters "${server[@]}" \
                        | _ficusctl_offer "$cur") ;;
           esac ;;
    esac
}


complete -F _ficusctl ficusctl
