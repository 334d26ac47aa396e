"""The part of the completion file of bash that is the same whatever the commands are.

It walks over the words before the cursor as click does, and asks two generated functions: what a command has, and
what a place (an option, or `#` and the position of an argument) takes.
"""

TEXT = r"""
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

# Names that kmstool found out some time ago; when they are old, it looks again in the background. What lies there is
# only data: it counts if this user owns it, and is put into quotes.
_kmstool_names() {
  local profile=${KMSTOOL_PROFILE-} region=${KMSTOOL_REGION-} stamp=0 index folder file now
  for ((index = 1; index < ${#line[@]} - 1; index++)); do
    case ${line[index]} in
      --profile) profile=${line[index + 1]} ;;
      --profile=*) profile=${line[index]#*=} ;;
      --region) region=${line[index + 1]} ;;
      --region=*) region=${line[index]#*=} ;;
    esac
  done
  [[ $profile$region != *[!A-Za-z0-9._-]* ]] || return
  folder=${XDG_CACHE_HOME-}
  [[ $folder == /* ]] || folder=$HOME/.cache
  folder+=/kmstool
  [[ -z ${KMSTOOL_HOME-} ]] || folder=$KMSTOOL_HOME/cache
  folder+=/completion/${profile:-_}@${region:-_}
  file=$folder/$1
  if [[ -O $folder && -f $file && -O $file && ! -L $file ]]; then
    mapfile -t words <"$file"
    words=("${words[@]%%$'\t'*}")
    read -r stamp <"$folder/stamp" 2>/dev/null
  fi
  [[ $stamp && ${#stamp} -lt 13 && $stamp != *[!0-9]* ]] || stamp=0
  now=${EPOCHSECONDS:-$(date +%s)}
  ((now - stamp > SECONDS_FRESH && now - ${_kmstool_asked:-0} > SECONDS_FRESH)) || return
  _kmstool_asked=$now
  (kmstool completion --refresh ${profile:+--profile "$profile"} ${region:+--region "$region"} </dev/null &>/dev/null &)
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
  if [[ $source == @file && ${current#"$before"} =~ ^([A-Za-z0-9_]+=)?@ ]]; then before+=${BASH_REMATCH[0]} source='file'; fi
  current=${current#"$before"}
  case $source in
    file) _kmstool_files ;;
    command) if ((position)); then _kmstool_files; else mapfile -t words < <(compgen -A command -- "$current"); fi ;;
    *keys | profiles) _kmstool_names "$source" ;;
  esac
  current=${current#[\"\']}
  for word in "${words[@]}"; do
    [[ $word == "$current"* ]] || continue
    [[ $source != *keys && $source != profiles ]] || printf -v word %q "$word"
    word=$before$word
    COMPREPLY+=("${word#"$kept"}")
  done
}

complete -F _kmstool kmstool
"""
