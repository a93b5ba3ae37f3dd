#!/usr/bin/env bash
# Run suites and count. Usage: tests/run.sh SUITE...   or   tests/run.sh --sum
#
# A suite prints one "ok NAME", "not ok NAME" or "skip NAME: why" line per test
# besides its own talk. The lines are kept in build/results; --sum adds up every
# suite run since that folder was removed. The last line of either form is
# "N passed, N failed, N skipped"; the status says whether that is good news.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
V=${V:-release}
B=build
[ "$V" = release ] || B=build/$V
results=build/results
mkdir -p $results
# Tests act as several users. Where they cannot come to a private checkout, what
# they run comes to them.
export PERIGEE_BIN=$PWD/$B/bin
if [ "$(id -u)" -eq 0 ] && [ -d "$PERIGEE_BIN" ] &&
  ! setpriv --reuid nobody --clear-groups test -x "$PERIGEE_BIN/." 2>/dev/null; then
  PERIGEE_BIN=$(mktemp -d)
  trap 'rm -rf "$PERIGEE_BIN"' EXIT
  chmod 755 "$PERIGEE_BIN"
  cp -p "$B"/bin/{perigee-*,thermos,clusterctl,evaluate,plan-outcomes,crash-states,cron-fires} "$PERIGEE_BIN" 2>/dev/null
fi

command_test() { # name command...: the command is one test
  local name=$1
  shift
  if "$@"; then echo "ok $name"; else echo "not ok $name"; fi
}

# TAP's "ok 3 - name" in our form. A runner that died printed no verdict for
# what it did not reach, so its death is a failure of its own.
tap() { # prefix seconds command...
  local prefix=$1 seconds=$2
  shift 2
  timeout "$seconds" "$@" 2>&1 | sed -E \
    -e "s/^(not )?ok [0-9]+ - (.*)/\1ok $prefix\2/" \
    -e 's/^ok (.*) # (SKIP|skip) ?(.*)/skip \1: \3/'
  local status=${PIPESTATUS[0]}
  [ "$status" -lt 124 ] || echo "not ok $prefix ended with status $status"
}

specs() { # seconds file...
  local seconds=$1 file
  shift
  for file in "$@"; do
    [ -e "$file" ] || continue
    tap "" "$seconds" lua5.4 "$(command -v busted)" --output=TAP \
      --lpath='lua/stdlib/?.lua;lua/stdlib/?/init.lua;tests/?.lua' "$file"
  done
}

scripts() { # seconds file...
  local seconds=$1 file
  shift
  for file in "$@"; do
    [ -x "$file" ] && command_test "${file##*/}" timeout "$seconds" "$file"
  done
}

suite() {
  local source name
  case $1 in
  purity | floors)
    command_test "$1" "tests/tools/$1.sh"
    ;;
  unit)
    for source in tests/unit/test_*.c; do
      name=$(basename "$source" .c)
      CMOCKA_MESSAGE_OUTPUT=TAP tap "$name: " 120 "$B/bin/$name"
    done
    ;;
  lua) specs 120 tests/lua/*_spec.lua ;;
  e2e)
    specs 200 tests/e2e/*_spec.lua
    scripts 120 tests/e2e/*.sh
    ;;
  sim)
    {
      "$B/bin/perigee-sim" --list tests/sim/seeds
      "$B/bin/perigee-sim" --seeds "${SEEDS:-20}"
    } | sed -E \
      -e 's/^(seed [0-9]+) hash ([0-9a-f]+) ok$/ok sim \1 hash \2/' \
      -e 's/^(seed [0-9]+ .*FAILED.*)/not ok sim \1/'
    ;;
  slow)
    scripts 2400 tests/slow/*.sh
    specs 1200 tests/slow/*_spec.lua
    ;;
  *)
    echo "tests/run.sh: no suite '$1'" >&2
    echo "not ok $1: no such suite"
    ;;
  esac
}

sum() { # log...
  cat "$@" 2>/dev/null | awk '
    /^ok /     { passed++ }
    /^not ok / { failed++; bad = bad "\n  " $0 }
    /^skip /   { skipped++; left = left "\n  " $0 }
    END {
      if (bad) print "failed:" bad
      if (left) print "skipped:" left
      printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
      exit failed > 0 || passed == 0
    }'
}

if [ "${1:-}" = --sum ]; then
  sum $results/*.log
  exit
fi
logs=()
for name in "$@"; do
  echo "--- $name"
  suite "$name" | tee "$results/$name.log"
  logs+=("$results/$name.log")
done
sum "${logs[@]}"
