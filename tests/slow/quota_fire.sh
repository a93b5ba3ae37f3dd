#!/usr/bin/env bash
# Quota under fire: 50 clients create, scale, update and kill at random over
# HTTP while an operator lowers and raises the quota; at no instant has the role
# more tasks, cpu, ram or disk than the quota then in force, added up after each
# event of the stream and by reads besides. Prints the time of requests beside
# that of fdatasync on the same disk in the same minute.
#
#   tests/slow/quota_fire.sh [SECONDS [CLIENTS]]     15 s and 50 clients
set -euo pipefail
cd "$(dirname "$0")/../.."
make -s build/bin/perigee-aurora
LUA_PATH='tests/?.lua;;' timeout 300 lua5.4 tests/tools/quota_fire.lua "${1:-15}" "${2:-50}"
