#!/usr/bin/env bash
# A million random tasks: the planner and its oracle in Lua agree on each.
set -euo pipefail
cd "$(dirname "$0")/../.."
make -s build/bin/plan-outcomes
ours() { # first: half a million from there
  build/bin/plan-outcomes "$1" 500000 | lua5.4 tests/lua/plan_oracle.lua
}
ours 1 &
first=$!
ours 500001
wait $first
