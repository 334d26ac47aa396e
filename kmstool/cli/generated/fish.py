"""The part of the completion file of fish that is the same whatever the commands are; it does as that of bash does."""

TEXT = r"""
function __kmstool_walk --no-scope-shadowing
    for word in $before_cursor
        if test $pending -gt 0
            set pending (math $pending - 1)
        else if test -z "$ended" -a "x$word" = x--
            set ended yes
        else if test -z "$ended"; and string match -q -- '-?*' $word
            set place $word
            for option in $valued
                test "x$option" = "x$word"; and set pending (math $pending + 1)
            end
        else if set -q commands[1]
            set path "$path $word"
            set ended
            __kmstool_command
        else
            set position (math $position + 1)
            set -a rest $word
        end
    end
end

# Names that kmstool found out some time ago; when they are old, it looks again in the background. What lies there is
# only data: it counts if this user owns it.
function __kmstool_names --no-scope-shadowing
    set -l profile $KMSTOOL_PROFILE
    set -l region $KMSTOOL_REGION
    set -l option
    for word in (commandline -opc)
        switch $word
            case '--profile=*'
                set profile (string replace -- --profile= '' $word)
            case '--region=*'
                set region (string replace -- --region= '' $word)
            case '*'
                test "x$option" = x--profile; and set profile $word
                test "x$option" = x--region; and set region $word
        end
        set option $word
    end
    string match -qr '[^A-Za-z0-9._-]' -- "$profile$region"; and return
    set -l folder $HOME/.cache/kmstool
    string match -q '/*' -- "$XDG_CACHE_HOME"; and set folder $XDG_CACHE_HOME/kmstool
    test -n "$KMSTOOL_HOME"; and set folder $KMSTOOL_HOME/cache
    test -n "$profile"; or set profile _
    test -n "$region"; or set region _
    set folder $folder/completion/$profile@$region
    set -l stamp 0
    if test -O $folder -a -f $folder/$source -a -O $folder/$source -a ! -L $folder/$source
        set words (string match -r -- '^'(string escape --style=regex -- $current)'.*' <$folder/$source)
        read stamp <$folder/stamp 2>/dev/null
    end
    string match -qr '^[0-9]{1,12}$' -- $stamp; or set stamp 0
    set -l now (date +%s)
    set -q __kmstool_asked; or set -g __kmstool_asked 0
    command -q kmstool; or return
    if test (math $now - $stamp) -gt SECONDS_FRESH -a (math $now - $__kmstool_asked) -gt SECONDS_FRESH
        set -g __kmstool_asked $now
        set -l chosen
        test $profile != _; and set -a chosen --profile $profile
        test $region != _; and set -a chosen --region $region
        command kmstool completion --refresh $chosen </dev/null &>/dev/null &
        disown 2>/dev/null
    end
end

# Sets `words` or `source` for the word at the cursor, and `before`, which is the same for all candidates.
function __kmstool_find --no-scope-shadowing
    set before_cursor (commandline -opc)
    set -e before_cursor[1]
    set current (commandline -ct)
    __kmstool_command
    __kmstool_walk
    if test $pending -gt 0
        __kmstool_place
    else if test -z "$ended"; and string match -q -- '--*=*' $current
        set place (string split -m 1 = -- $current)[1]
        set before $place=
        set current (string split -m 1 = -- $current)[2]
        __kmstool_place
    else if test -z "$ended"; and string match -q -- '-*' $current
        set words $options
    else if set -q commands[1]
        set words $commands
    else
        set place "#$position"
        __kmstool_place
    end
end

function __kmstool_complete
    set -l path kmstool
    set -l position 0
    set -l pending 0
    set -l before_cursor
    set -l current
    set -l before
    set -l commands
    set -l options
    set -l valued
    set -l words
    set -l ended
    set -l place
    set -l source
    set -l rest
    __kmstool_find
    if test "$argv" = file
        test "$source" = file
        return
    end
    switch "$source"
        case @file
            set -l prefix (string match -r -- '^(?:\w+=)?@' $current)
            if set -q prefix[1]
                set words (complete -C "'' "(string replace -- $prefix '' $current))
                set before "$before$prefix"
            end
        case command
            set words (complete -C (string join ' ' -- (string escape -- $rest) (string escape -- $current)))
        case '*keys' profiles
            __kmstool_names
    end
    set -q words[1]; and printf '%s\n' "$before"$words
end

complete -c kmstool -f -a '(__kmstool_complete)'
# Fish itself knows best about quotes, ~ and folders, also behind --option=.
complete -c kmstool -n '__kmstool_complete file' -F
"""
