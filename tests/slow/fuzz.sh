#!/usr/bin/env bash
# Every fuzz target for ten seconds.
cd "$(dirname "$0")/../.." && FUZZ_SECONDS=10 make fuzz
