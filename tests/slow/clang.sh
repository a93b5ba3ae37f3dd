#!/usr/bin/env bash
# The whole tree builds with clang, warnings being errors.
cd "$(dirname "$0")/../.." && make -j"$(nproc)" CC=clang V=clang all unit-bins
