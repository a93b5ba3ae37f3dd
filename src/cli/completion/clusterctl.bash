# bash completion of clusterctl. What there is to say comes from the program
# itself (`clusterctl complete`): one candidate a line, a tab and its meaning;
# ":files" and ":folders" leave it to the shell.

_clusterctl() {
  local line word at=0 head=''
  local -a words=()
  # bash cuts words at "=": put them together again.
  for ((at = 1; at <= COMP_CWORD; at++)); do
    word=${COMP_WORDS[at]}
    if ((${#words[@]} > 0)) && [[ $word == = || ${COMP_WORDS[at - 1]} == = ]]; then
      words[${#words[@]} - 1]+=$word
    else
      words+=("$word")
    fi
  done
  at=$((${#words[@]} - 1))
  # And it replaces only what stands behind the last one.
  if [[ $COMP_WORDBREAKS == *=* && ${words[at]} == *=* ]]; then
    head=${words[at]%"${words[at]##*=}"}
  fi
  COMPREPLY=()
  while IFS= read -r line; do
    word=${line%%$'\t'*}
    case $word in
      :files) compopt -o default 2>/dev/null ;;
      :folders) compopt -o dirnames 2>/dev/null ;;
      *) COMPREPLY+=("${word#"$head"}") ;;
    esac
  done < <("${COMP_WORDS[0]}" complete -- "$at" "${words[@]}" 2>/dev/null)
  # A part of a key or a parameter's name: more of the word is to come.
  if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[/=] ]]; then
    compopt -o nospace 2>/dev/null
  fi
  return 0
}

complete -F _clusterctl clusterctl
