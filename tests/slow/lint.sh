#!/usr/bin/env bash
# Every file, not only the changed ones.
cd "$(dirname "$0")/../.." && LINT_ALL=1 make lint
