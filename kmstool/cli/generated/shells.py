"""The part of the completion files that is the same whatever the commands are.

BASH and FISH walk over the words before the cursor as click does, and ask two generated functions:
what a command has, and what a place (an option, or `#` and the position of an argument) takes.
"""

BASH = r"""
# Bash also cuts words at = : @ > and the like; parts that touch on the command line are put together again.
_kmstool_line() {
  local rest=${COMP_LINE:0:COMP_POINT} word blank touches i
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]} touches=
    if [[ -n $COMP_LINE ]]; then
      blank=${rest%%[![:space:]]*}
      [[ $i -gt 0 && -z $blank ]] && touches=yes
      rest=${rest#"$blank"}
      ((i == COMP_CWORD)) && word=$rest
      rest=${rest#"$word"}
    fi
    if [[ -n $touches ]]; then line[${#line[@]} - 1]+=$word; else line+=("$word"); fi
  done
  # Readline replaces what follows the last cut, but for @ from there, and a candidate must not repeat what is kept.
  [[ $word == *[!=:@\<\>\&]* ]] || word=
  [[ $1 != @* ]] || word=$1
  kept=${line[${#line[@]} - 1]}
  kept=${kept%"$word"}
}

_kmstool_walk() {
  local word option
  for word in "${line[@]:1:${#line[@]}-2}"; do
    if ((pending)); then
      ((pending--))
    elif [[ $word =~ $redirection ]]; then
      place='>'
      [[ $word == *[\<\>\&] ]] && pending=1
    elif [[ -z $ended && $word == -- ]]; then
      ended=yes
    elif [[ -z $ended && $word == -?* ]]; then
      place=$word
      for option in "${valued[@]}"; do [[ $option == "$word" ]] && ((++pending)); done
    elif ((${#commands[@]})); then
      path+=" $word" ended=
      _kmstool_command "$path"
    else
      ((++position))
    fi
  done
}

_kmstool_files() {
  # Readline itself knows best about quotes, ~ and folders; it cannot be asked when more is to be kept than a cut.
  if [[ $kept == "$before" ]] && compopt -o default 2>/dev/null; then return; fi
  local file
  compopt -o filenames 2>/dev/null
  while IFS= read -r file; do
    [[ -d $file ]] && file+=/ && compopt -o nospace 2>/dev/null
    words+=("$file")
  done < <(compgen -f -- "$current")
}

_kmstool() {
  local current before='' place='' path=kmstool position=0 pending=0 ended='' kept='' source='' word
  local redirection='^[0-9&]*[<>]'
  local -a line=() commands=() options=() valued=() words=()
  COMPREPLY=()
  _kmstool_line "$2"
  ((${#line[@]} > 1)) || return
  _kmstool_command "$path"
  _kmstool_walk
  current=${line[${#line[@]} - 1]}
  if ((pending)); then
    _kmstool_place "$path $place"
  elif [[ $current =~ $redirection ]]; then
    before=${current%"${current##*[<>&]}"} source='file'
  elif [[ -z $ended && $current == --*=* ]]; then
    before=${current%%=*}=
    _kmstool_place "$path ${before%=}"
  elif [[ -z $ended && $current == -* ]]; then
    words=("${options[@]}")
  elif ((${#commands[@]})); then
    words=("${commands[@]}")
  else
    _kmstool_place "$path #$position"
  fi
  if [[ $source == @file && ${current#"$before"} == @* ]]; then before+=@ source='file'; fi
  current=${current#"$before"}
  [[ $source == file ]] && _kmstool_files
  current=${current#[\"\']}
  for word in "${words[@]}"; do
    [[ $word == "$current"* ]] && word=$before$word && COMPREPLY+=("${word#"$kept"}")
  done
}

complete -F _kmstool kmstool
"""

FISH = r"""
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
        end
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
    __kmstool_find
    if test "$argv" = file
        test "$source" = file
        return
    end
    if test "$source" = @file; and string match -q -- '@*' $current
        set words (complete -C "'' "(string sub -s 2 -- $current))
        set before "$before"@
    end
    set -q words[1]; and printf '%s\n' "$before"$words
end

complete -c kmstool -f -a '(__kmstool_complete)'
# Fish itself knows best about quotes, ~ and folders, also behind --option=.
complete -c kmstool -n '__kmstool_complete file' -F
"""

ZSH = r"""
_kmstool_at_file() {
  compset -P @ && _files
}

_kmstool_arguments() {
  _arguments -s -S : $everywhere "$@"
}

_kmstool_group() {
  local group=$1 child curcontext=$curcontext state state_descr ret=1
  local -a line
  local -A opt_args
  shift
  _arguments -s -S -C : $everywhere "$@" '(-): :->command' '(-)*:: :->argument' && ret=0
  case $state in
    command)
      _describe -t commands 'kmstool command' subcommands && ret=0
      ;;
    argument)
      child=${group}_${(Q)words[1]}
      (( $+functions[$child] )) && $child && ret=0
      ;;
  esac
  return ret
}

# Compinit loads this file as the body of a function; it can be sourced as well.
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _kmstool "$@"
else
  compdef _kmstool kmstool
fi
"""
