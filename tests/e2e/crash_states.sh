#!/usr/bin/env bash
# A small share of tests/slow/crash_states.sh; another one every day.
set -euo pipefail
cd "$(dirname "$0")/../.."
"${PERIGEE_BIN:-build/bin}/crash-states" --seed "$(date +%j | sed 's/^0*//')" --commits 20 --share 20
