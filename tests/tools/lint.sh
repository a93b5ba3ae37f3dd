#!/usr/bin/env bash
# clang-tidy over our C, luacheck over our Lua, shellcheck over our shell.
# LINT_ALL=1 checks every file; otherwise clang-tidy skips files unchanged since
# their last clean check (stamps under build/lint).
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
read -ra packages < <(pkg-config --cflags lua5.4 libprotobuf-c |
  sed 's/-I/-isystem /g')
flags=(-std=c11 -D_GNU_SOURCE -DPROTOBUF_C__NO_DEPRECATED -Isrc -I.
  -isystem build/gen "${packages[@]}")
tidy() { # file: one check, remembered
  local file=$1 stamp=build/lint/$1.ok
  if [ -z "${LINT_ALL:-}" ] && [ "$stamp" -nt "$file" ] &&
    [ "$stamp" -nt .clang-tidy ]; then
    return 0
  fi
  mkdir -p "$(dirname "$stamp")"
  if clang-tidy --quiet "$file" -- "${flags[@]}" >"$stamp.log" 2>/dev/null; then
    mv "$stamp.log" "$stamp"
  else
    cat "$stamp.log"
    return 1
  fi
}

if [ "${1:-}" = --file ]; then # one of the parallel children below
  tidy "$2"
  exit
fi
status=0
mapfile -t scripts < <(git ls-files '*.sh' .ci/run)
shellcheck "${scripts[@]}" || status=1
luacheck -q lua tests configs/examples || status=1
git ls-files 'src/*.c' 'executor/*.c' 'tests/unit/*.c' 'tests/sim/*.c' 'bench/*.c' |
  xargs -P "$(nproc)" -I{} "$0" --file {} || status=1
[ $status -eq 0 ] && echo "lint: clean"
exit $status
