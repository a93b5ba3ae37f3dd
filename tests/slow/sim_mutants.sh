#!/usr/bin/env bash
# Every planted bug is found.
cd "$(dirname "$0")/../.." && make sim-mutants
