#!/usr/bin/env bash
# All of the cron oracle: 40 zones' changes of clocks and 1,000 random weeks, 200
# schedules each, on as many cores as there are.
set -euo pipefail
cd "$(dirname "$0")/../.."
parts=$(nproc) pids=()
for ((part = 0; part < parts; part++)); do
  lua5.4 tests/lua/cron_oracle.lua build/bin/cron-fires 1000000 "$part" "$parts" &
  pids+=($!)
done
status=0
for pid in "${pids[@]}"; do wait "$pid" || status=1; done
exit $status
