#!/usr/bin/env bash
# Ten thousand times the scheduler is killed at any instant and started again,
# in virtual time, while the clock starts jobs and jobs follow each other: every
# scheduled time has one record, none missing, none twice, none later than its
# epsilon (tests/sim/crons.h).
set -euo pipefail
cd "$(dirname "$0")/../.."
CYCLES=${CYCLES:-10000}
make -s build/bin/perigee-sim
cycles=0
seed=1
while [ "$cycles" -lt "$CYCLES" ]; do
  out=$(build/bin/perigee-sim --restarts --cron --seeds 5 --first "$seed") || {
    echo "$out" | tail -40
    exit 1
  }
  more=$(echo "$out" | sed -nE 's/.* restarts ([0-9]+)$/\1/p' | awk "{ n += \$1 } END { print n + 0 }")
  cycles=$((cycles + more))
  seed=$((seed + 5))
done
echo "$cycles crashes and restarts in $((seed - 1)) seeds, each time with one record"
