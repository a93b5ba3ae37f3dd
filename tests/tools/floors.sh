#!/usr/bin/env bash
# Includes point downwards only. A core sees floor 0 and its own folder.
set -euo pipefail
cd "$(dirname "$0")/../.."
bad=0
check() { # folder, regex of allowed include folders
  local file line
  while IFS=: read -r file line; do
    local path=${line#*\"}
    path=${path%%\"*}
    [[ $path == */* ]] || continue # its own folder
    if ! [[ $path =~ ^($2)/ ]]; then
      echo "$file includes \"$path\": folder $1 may include only $2" >&2
      bad=1
    fi
  done < <(grep -rHE '^#include "' --include='*.[ch]' "$1" 2>/dev/null || true)
}
gen='mesos|perigee'
check src/base 'base'
check src/wire "base|wire|$gen"
check src/sys "base|wire|sys|$gen"
check src/script "base|wire|sys|script|$gen"
for program in master agent aurora cli; do
  check "src/$program" "base|wire|sys|script|$program|$gen"
  [ -d "src/$program/core" ] && check "src/$program/core" "base|$program/core"
done
check executor/fetch 'base|sys'
check executor/post 'base|sys'
check executor/thermos "base|wire|sys|script|executor/thermos|$gen"
[ -d executor/thermos/core ] &&
  check executor/thermos/core 'base|executor/thermos/core'
[ $bad -eq 0 ] && echo "floors: every include points downwards"
exit $bad
