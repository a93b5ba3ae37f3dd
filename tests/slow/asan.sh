#!/usr/bin/env bash
# Unit tests and the simulator under AddressSanitizer and UBSan.
cd "$(dirname "$0")/../.." && SEEDS=5 make -j"$(nproc)" asan
