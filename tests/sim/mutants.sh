#!/usr/bin/env bash
# Plant one-line bugs, one at a time, in a copy of the sources; the simulator
# must find each. A simulator that checks nothing is worth nothing.
#
#   tests/sim/mutants.sh [NAME...]     all of tests/sim/mutants, or these
#
# Prints "mutant NAME found by seed N" for each. Fails when one is not found in
# SEEDS seeds, does not apply any more, or does not compile. JOBS mutants run at
# a time, each in a tree of its own under build/mutants: only the object that
# changed is built again.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
top=$PWD
work=$top/build/mutants
JOBS=${JOBS:-2}
SEEDS=${SEEDS:-200}

names=("$@")
if [ ${#names[@]} -eq 0 ]; then
  for file in tests/sim/mutants/*.mutant; do
    names+=("$(basename "$file" .mutant)")
  done
fi

prepare() { # tree: the sources as they are, and what is built of them
  local tree=$1
  mkdir -p "$tree/build"
  for part in Makefile src executor proto lua tests/sim; do
    mkdir -p "$tree/$(dirname $part)"
    rm -rf "${tree:?}/$part"
    cp -a "$part" "$tree/$part"
  done
  cp -a build/gen build/obj build/lib "$tree/build/" || return 1
  make -C "$tree" build/bin/perigee-sim >"$tree/build.log" 2>&1
}

hunt() { # name tree: one verdict line
  local name=$1 tree=$2 file log
  log=$work/$name.log
  if ! file=$(lua5.4 tests/sim/plant.lua "tests/sim/mutants/$name.mutant" "$tree" 2>"$log"); then
    echo "not ok mutant $name: $(tail -1 "$log")"
    return
  fi
  if ! make -C "$tree" CFLAGS=-w build/bin/perigee-sim >"$log" 2>&1; then
    echo "not ok mutant $name: does not compile (see ${log#"$top"/})"
  elif "$tree/build/bin/perigee-sim" --seeds "$SEEDS" --stop >"$log" 2>&1; then
    echo "not ok mutant $name: not found by $SEEDS seeds"
  else
    echo "mutant $name found by $(sed -nE 's/^(seed [0-9]+) FAILED[^:]*: (.{0,90}).*/\1: \2/p' "$log" | head -1)"
  fi
  cp "$file" "$tree/$file"
}

worker() { # number: every JOBS-th mutant
  local tree=$work/tree$1 i
  if ! prepare "$tree"; then
    echo "not ok mutants: the copy of the sources does not build ($tree/build.log)"
    return
  fi
  for ((i = $1; i < ${#names[@]}; i += JOBS)); do
    hunt "${names[i]}" "$tree"
  done
}

make build/bin/perigee-sim >/dev/null || exit 1
mkdir -p "$work"
verdicts=$work/verdicts
: >"$verdicts"
for ((n = 0; n < JOBS; n++)); do
  worker $n | tee -a "$verdicts" &
done
wait
found=$(grep -c '^mutant ' "$verdicts")
echo "$found of ${#names[@]} mutants found"
[ "$found" -eq ${#names[@]} ]
