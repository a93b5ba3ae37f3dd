#!/usr/bin/env bash
# SIGKILL of runner, of executor, of both, at 200 random instants each of a task
# of twenty processes: recovered each time, the final state right each time.
set -euo pipefail
cd "$(dirname "$0")/../.."
make -s build/bin/thermos build/bin/thermos-deaths
pids=()
for kind in runner executor alone both; do
  build/bin/thermos-deaths $kind "${DEATHS:-200}" &
  pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid"; done
