"""The part of the completion file of zsh that is the same whatever the commands are; zsh itself walks over the words."""

TEXT = r"""
_kmstool_at_file() {
  compset -P '([A-Za-z0-9_]##=|)@' && _files
}

# Names that kmstool found out some time ago; when they are old, it looks again in the background. What lies there is
# only data: it counts if this user owns it.
_kmstool_names() {
  local kind=${@[-1]} profile=$KMSTOOL_PROFILE region=$KMSTOOL_REGION folder stamp=0 option word
  local -a names
  for word in ${(z)LBUFFER}; do
    case $word in
      --profile=*) profile=${word#*=} ;;
      --region=*) region=${word#*=} ;;
      *)
        [[ $option != --profile ]] || profile=$word
        [[ $option != --region ]] || region=$word
        ;;
    esac
    option=$word
  done
  [[ $profile$region != *[^A-Za-z0-9._-]* ]] || return 1
  folder=$HOME/.cache/kmstool
  [[ $XDG_CACHE_HOME != /* ]] || folder=$XDG_CACHE_HOME/kmstool
  [[ -z $KMSTOOL_HOME ]] || folder=$KMSTOOL_HOME/cache
  folder+=/completion/${profile:-_}@${region:-_}
  if [[ -O $folder && -f $folder/$kind && -O $folder/$kind && ! -L $folder/$kind ]]; then
    names=("${(@f)$(<$folder/$kind)}")
    [[ ! -f $folder/stamp ]] || stamp=$(<$folder/stamp)
  fi
  [[ $stamp == <-> && $#stamp -lt 13 ]] || stamp=0
  zmodload -F zsh/datetime p:EPOCHSECONDS
  if (( EPOCHSECONDS - stamp > SECONDS_FRESH && EPOCHSECONDS - ${_kmstool_asked:-0} > SECONDS_FRESH )); then
    typeset -g _kmstool_asked=$EPOCHSECONDS
    (command kmstool completion --refresh ${profile:+--profile} $profile ${region:+--region} $region </dev/null &>/dev/null &)
  fi
  (( $#names )) || return 1
  if (( $#names > 200 )); then
    compadd "${@[1,-2]}" -- ${names%%$'\t'*}
  else
    names=("${(@)names//:/\\:}")
    names=("${(@)names/$'\t'/:}")
    _describe -t names name names "${@[1,-2]}"
  fi
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
