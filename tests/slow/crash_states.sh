#!/usr/bin/env bash
# What a power cut may leave of a store, millions of states of it, and every
# flipped bit: nothing that was acknowledged is lost, nothing crashes.
set -euo pipefail
cd "$(dirname "$0")/../.."
make -s build/bin/crash-states
pids=()
for seed in 1 2; do
  build/bin/crash-states --seed $seed --commits "${COMMITS:-300}" &
  pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid"; done
