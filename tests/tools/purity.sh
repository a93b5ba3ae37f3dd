#!/usr/bin/env bash
# The linker proves that cores are pure: every symbol they need is defined by a
# core or stands in tests/purity.allow; they own no writable data; they read no
# cycle counter. Built without fortification, which renames memcpy and friends.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=build/purity
objects=()
# Any header newer than an object may have changed it.
newest=$({ find src executor -name '*.h' -printf '%T@ %p\n' 2>/dev/null || true; } |
  sort -n | tail -1 | cut -d' ' -f2-)
while read -r source; do
  object=$out/${source%.c}.o
  mkdir -p "$(dirname "$object")"
  if [ ! "$object" -nt "$source" ] || [ ! "$object" -nt "$newest" ]; then
    ${CC:-cc} -std=c11 -D_GNU_SOURCE -Isrc -I. -O1 -c -o "$object" "$source"
  fi
  objects+=("$object")
done < <(ls src/base/*.c src/*/core/*.c executor/*/core/*.c 2>/dev/null)
bad=0
nm "${objects[@]}" | awk 'NF==3 && $2 ~ /[TDRVWBS]/ {print $3}' | sort -u >$out/defined
nm -u "${objects[@]}" | awk '$1=="U"{print $2}' | sort -u |
  comm -23 - $out/defined | comm -23 - <(grep -v '^#' tests/purity.allow | sort -u) >$out/foreign
if [ -s $out/foreign ]; then
  echo "cores call what they may not:" >&2
  while read -r symbol; do
    echo "  $symbol: $(nm -A -u "${objects[@]}" | grep -w "$symbol" |
      cut -d: -f1 | sort -u | xargs)" >&2
  done <$out/foreign
  bad=1
fi
for object in "${objects[@]}"; do
  size -A "$object" | awk -v o="$object" \
    '$1 ~ /^\.(data|bss)(\.|$)/ && $1 !~ /\.rel\.ro/ && $2>0 {print o ": writable section " $1; bad=1} END{exit bad}' >&2 || bad=1
  if objdump -d "$object" | grep -qw rdtsc; then
    echo "$object: reads the cycle counter" >&2
    bad=1
  fi
done
[ $bad -eq 0 ] && echo "purity: ${#objects[@]} core objects are pure"
exit $bad
