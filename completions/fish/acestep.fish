# Completion of acestep for fish; written by `acestep completions fish`.
function _acestep
    # Of --option=value the option stays.
    set -l option (string match --regex -- '^--[^=]+=' (commandline --current-token))
    set -l answer (env COMP_WORDS=(commandline -cp) COMP_CWORD=(commandline -ct) \
        _ACESTEP_COMPLETE=fish_complete acestep 2> /dev/null)
    for line in $answer
        set -l parts (string split --max 1 , -- $line)
        switch $parts[1]
            case plain
                printf '%s\n' "$option$parts[2]"
            case file
                __fish_complete_path "$parts[2]"
            case dir
                __fish_complete_directories "$parts[2]"
        end
    end
end

complete --command acestep --no-files --keep-order --arguments '(_acestep)'
