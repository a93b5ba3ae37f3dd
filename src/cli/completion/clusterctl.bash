# bash completion of clusterctl. What there is to say comes from the program
# itself (`clusterctl complete`): one candidate a line, a tab and its meaning;
# ":files" and ":folders" leave it to the shell.

_clusterctl() {
  local line word
  COMPREPLY=()
  while IFS= read -r line; do
    word=${line%%$'\t'*}
    case $word in
      :files) compopt -o default 2>/dev/null ;;
      :folders) compopt -o dirnames 2>/dev/null ;;
      *) COMPREPLY+=("$word") ;;
    esac
  done < <("${COMP_WORDS[0]}" complete -- $((COMP_CWORD - 1)) \
    "${COMP_WORDS[@]:1}" 2>/dev/null)
  # A part of a key or a parameter's name: more of the word is to come.
  if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[/=] ]]; then
    compopt -o nospace 2>/dev/null
  fi
  return 0
}

complete -F _clusterctl clusterctl
