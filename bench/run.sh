#!/usr/bin/env bash
# run.sh BENCH...: run every benchmark with the options in BENCH_ARGS. A void
# one (status 3: the machine drifted) stops nothing and is named at the end; a
# failed one stops nothing either, but makes the end non-zero.
set -u
void='' failed=''
for bench in "$@"; do
    # shellcheck disable=SC2086 # several words
    "$bench" ${BENCH_ARGS-}
    case $? in
    0) ;;
    3) void+=" ${bench##*/}" ;;
    *) failed+=" ${bench##*/}" ;;
    esac
done
if [ -n "$void" ]; then
    echo "void, run again on an idle machine:$void" >&2
fi
if [ -n "$failed" ]; then
    echo "failed:$failed" >&2
    exit 1
fi
