#!/usr/bin/env bash
# A hundred seeds, and the same hashes from a binary built by clang.
set -euo pipefail
cd "$(dirname "$0")/../.."
make -s build/bin/perigee-sim
build/bin/perigee-sim --seeds 100 >build/results/sim-gcc.txt
make -s -j"$(nproc)" CC=clang V=clang build/clang/bin/perigee-sim
build/clang/bin/perigee-sim --seeds 20 >build/results/sim-clang.txt
head -20 build/results/sim-gcc.txt | diff - build/results/sim-clang.txt
setarch -R build/bin/perigee-sim --seeds 5 |
  diff - <(head -5 build/results/sim-gcc.txt)
[ "$(grep -c ' ok$' build/results/sim-gcc.txt)" -eq 100 ]
