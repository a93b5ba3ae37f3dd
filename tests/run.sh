#!/usr/bin/env bash
# Run suites and count. Usage: tests/run.sh SUITE...   or   tests/run.sh --sum
#
# A suite is a function below that prints one "ok NAME", "not ok NAME" or
# "skip NAME: why" per test besides its own talk; counts are kept in
# build/results and summed over all suites run since it was removed. The last
# line is "N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
V=${V:-release}
B=build
[ "$V" = release ] || B=build/$V
results=build/results
mkdir -p $results
export PERIGEE_BIN=$PWD/$B/bin

verdict() { # status name: one verdict line for a command that is one test
  if [ "$1" -eq 0 ]; then echo "ok $2"; else echo "not ok $2"; fi
}

suite_purity() { tests/tools/purity.sh; verdict $? purity; }
suite_floors() { tests/tools/floors.sh; verdict $? floors; }

suite_unit() {
  local binary
  for binary in "$B"/bin/test_*; do
    [ -x "$binary" ] && [[ $binary != *.* ]] || continue
    [ -e "tests/unit/${binary##*/}.c" ] || continue
    CMOCKA_MESSAGE_OUTPUT=TAP timeout 120 "$binary" 2>&1 |
      sed -E "s/^(not )?ok [0-9]+ - (.*)/\1ok ${binary##*/}: \2/; s/^ok (.*) # SKIP/skip \1/"
    local status=${PIPESTATUS[0]}
    # A binary that died reports what TAP cannot.
    [ "$status" -lt 124 ] || echo "not ok ${binary##*/} (status $status)"
  done
}

busted_run() { # specs...
  lua5.4 "$(command -v busted)" --output=TAP --lpath='lua/stdlib/?.lua;lua/stdlib/?/init.lua;tests/?.lua' "$@" 2>&1 |
    sed -E 's/^(not )?ok [0-9]+ - /\1ok /; s/^ok (.*) # SKIP/skip \1/'
  [ "${PIPESTATUS[0]}" -le 1 ] || true
}

suite_lua() { local f; for f in tests/lua/*_spec.lua; do [ -e "$f" ] && busted_run "$f"; done; }
suite_e2e() {
  local f
  for f in tests/e2e/*_spec.lua; do [ -e "$f" ] && busted_run "$f"; done
  for f in tests/e2e/*.sh; do
    [ -x "$f" ] || continue
    timeout 120 "$f"; verdict $? "${f##*/}"
  done
}
suite_sim() {
  [ -x "$B/bin/perigee-sim" ] || return 0
  "$B/bin/perigee-sim" --seeds "${SEEDS:-10}" |
    sed -E 's/^(seed [0-9]+) hash ([0-9a-f]+) ok/ok sim \1 hash \2/; s/^(seed [0-9]+ .*FAILED.*)/not ok sim \1/'
}
suite_slow() {
  local f
  for f in tests/slow/*.sh; do
    [ -x "$f" ] || continue
    timeout 2400 "$f"; verdict $? "${f##*/}"
  done
  for f in tests/slow/*_spec.lua; do [ -e "$f" ] && busted_run "$f"; done
}

sum() {
  cat $results/*.log 2>/dev/null | awk '
    /^ok /{p++} /^not ok /{f++; bad=bad "\n  " $0} /^skip /{s++; skipped=skipped "\n  " $0}
    END{ if (bad) print "failed:" bad; if (skipped) print "skipped:" skipped;
         printf "%d passed, %d failed, %d skipped\n", p, f, s; exit (f>0 || p==0) }'
}

if [ "${1:-}" = --sum ]; then sum; exit $?; fi
status=0
for suite in "$@"; do
  echo "--- $suite"
  "suite_$suite" | tee $results/"$suite".log
  grep -q '^not ok' $results/"$suite".log && status=1
done
cat $(printf "$results/%s.log " "$@") | awk '/^ok /{p++} /^not ok /{f++; print} /^skip /{s++} END{printf "%d passed, %d failed, %d skipped\n", p, f, s}'
exit $status
