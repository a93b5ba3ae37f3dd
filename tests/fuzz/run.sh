#!/usr/bin/env bash
# Every fuzz target, or those named in FUZZ ("job_file bundle locator"), for
# FUZZ_SECONDS (20) each, from its seeds in tests/fuzz/corpus; as many at a time
# as there are processors. `make fuzz T=600` sets the seconds.
# A finding is kept in build/fuzz/findings and makes the run fail.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
seconds=${FUZZ_SECONDS:-20}
findings=build/fuzz/findings
mkdir -p $findings

fuzz() { # target: one verdict line
  local target=$1 scratch
  scratch=$(mktemp -d)
  cp -r "tests/fuzz/corpus/${target#fuzz_}/." "$scratch" 2>/dev/null
  if "build/fuzz/bin/$target" -max_total_time="$seconds" -timeout=10 \
    -rss_limit_mb=1024 -print_final_stats=0 -verbosity=0 \
    -artifact_prefix="$findings/$target-" "$scratch" >"$findings/$target.log" 2>&1
  then
    echo "ok $target"
  else
    tail -n 30 "$findings/$target.log"
    echo "not ok $target"
  fi
  rm -rf "$scratch"
}

if [ "${1:-}" = --target ]; then # one of the parallel children below
  fuzz "$2"
  exit
fi
make -s -j"$(nproc)" CC="${FUZZ_CC:-clang}" V=fuzz fuzz-bins || exit 1
for source in tests/fuzz/fuzz_*.c; do
  name=$(basename "$source" .c)
  [[ -z ${FUZZ:-} || " $FUZZ " == *" ${name#fuzz_} "* ]] && echo "$name"
done |
  xargs -P "$(nproc)" -I{} "$0" --target {} | tee build/fuzz/verdicts
! grep -q '^not ok' build/fuzz/verdicts
