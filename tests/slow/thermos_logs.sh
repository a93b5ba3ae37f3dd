#!/usr/bin/env bash
# Case 23, the largest row: 700 MB of output with the default logger leave the
# growing file and five full ones, each ending with a whole line.
set -euo pipefail
cd "$(dirname "$0")/../.."
make -s build/bin/thermos
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cat >"$dir/job.lua" <<'LUA'
return { Job { cluster = "c", role = "r", environment = "test", name = "logs",
  task = SimpleTask { name = "a", cmdline = "yes 0123456789 | head -c 734003200" } } }
LUA
build/bin/thermos run "$dir/job.lua" --directory "$dir/box" >/dev/null
logs=$dir/box/.logs/a/0
for number in 1 2 3 4 5; do
  size=$(stat -c %s "$logs/stdout.$number")
  [ "$size" -ge 104857600 ]
  [ "$size" -lt $((104857600 + 11)) ]
  [ "$(tail -c 11 "$logs/stdout.$number")" = 0123456789 ]
done
[ -e "$logs/stdout" ]
[ ! -e "$logs/stdout.6" ]
[ "$(stat -c %s "$logs/stderr")" -eq 0 ]
