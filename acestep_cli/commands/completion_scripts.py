"""The scripts that make a shell ask acestep what may follow.

Each hands over the words so far in COMP_WORDS and the place of the cursor in COMP_CWORD, and reads
what click answers: a kind (plain, file or dir) and a value, in zsh and fish with a description.
"""

from __future__ import annotations

BASH = """\
# Completion of acestep for bash 4.4 and newer; written by `acestep completions bash`.
_acestep() {
    local current=${COMP_WORDS[COMP_CWORD]} word joined='' before answer line IFS=$' \\t\\n'
    local -a words=() found=()
    # bash takes --option=value, 0:30 and @file apart; it replaces the last part, with its @.
    for word in "${COMP_WORDS[@]:0:COMP_CWORD + 1}"; do
        if [[ $joined || $word == [=:] ]] && (( ${#words[@]} )); then words[-1]+=$word
        else words+=("$word")
        fi
        if [[ $word == [=:@] ]]; then joined=yes; else joined=''; fi
    done
    if [[ $current == [=:@] ]]; then current=''; fi
    before=${words[-1]%"$current"} before=${before%@}
    answer=$(env COMP_WORDS="${words[*]}" COMP_CWORD=$(( ${#words[@]} - 1 )) \\
        _ACESTEP_COMPLETE=bash_complete "$1" 2> /dev/null)
    COMPREPLY=()
    while IFS= read -r line; do
        found=()
        case $line in
            plain,*)
                line=${line#plain,}
                line=${line#"$before"}
                if [[ $line == */ ]]; then compopt -o nospace; fi
                if [[ $line == *' '* ]]; then printf -v line %q "$line"; fi
                found=("$line")
                ;;
            file,*)
                compopt -o default -o filenames
                mapfile -t found < <(compgen -f -- "$current")
                ;;
            dir,*)
                compopt -o dirnames -o filenames
                mapfile -t found < <(compgen -d -- "$current")
                ;;
        esac
        COMPREPLY+=("${found[@]}")
    done <<< "$answer"
}

complete -o nosort -F _acestep acestep
"""

ZSH = """\
#compdef acestep
# Completion of acestep for zsh; written by `acestep completions zsh`.
_acestep() {
    local -a answer values meanings shown folders
    local kind value meaning
    local -i width=0 n
    answer=("${(@f)$(env COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT - 1)) \\
        _ACESTEP_COMPLETE=zsh_complete ${~words[1]} 2> /dev/null)}")
    # Of --option=value only the value is completed.
    [[ $PREFIX == --*=* ]] && compset -P '*='
    for kind value meaning in "${answer[@]}"; do
        case $kind in
            plain)
                value=${value//\\\\:/:}
                if [[ $value == */ ]]; then folders+=("$value"); continue; fi
                values+=("$value") meanings+=("${meaning:#_}")
                (( $#value > width )) && width=$#value
                ;;
            file) _files ;;
            dir) _files -/ ;;
        esac
    done
    # Not by _describe, which changes the order where two mean the same.
    for (( n = 1; n <= $#values; n++ )); do
        value=${(r:width:)values[n]}
        [[ -n $meanings[n] ]] && value="$value  -- $meanings[n]"
        shown+=("${value[1,COLUMNS - 1]}")
    done
    if [[ -n ${(j::)meanings} ]]; then compadd -V acestep -l -d shown -a values
    elif (( $#values )); then compadd -V acestep -a values
    fi
    (( $#folders )) && compadd -V acestep-folders -S '' -a folders
    (( compstate[nmatches] ))
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _acestep "$@"
else
    compdef _acestep acestep
fi
"""

FISH = """\
# Completion of acestep for fish; written by `acestep completions fish`.
function _acestep
    # Of --option=value the option stays.
    set -l option (string match --regex -- '^--[^=]+=' (commandline --current-token))
    set -l answer (env COMP_WORDS=(commandline -cp) COMP_CWORD=(commandline -ct) \\
        _ACESTEP_COMPLETE=fish_complete acestep 2> /dev/null)
    for line in $answer
        set -l parts (string split --max 1 , -- $line)
        switch $parts[1]
            case plain
                printf '%s\\n' "$option$parts[2]"
            case file
                __fish_complete_path "$parts[2]"
            case dir
                __fish_complete_directories "$parts[2]"
        end
    end
end

complete --command acestep --no-files --keep-order --arguments '(_acestep)'
"""

SCRIPTS: dict[str, str] = {"bash": BASH, "zsh": ZSH, "fish": FISH}
