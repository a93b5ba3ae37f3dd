#!/usr/bin/env bash
# Encode every message of this folder anew with protoc, an encoder that is not
# ours: NAME.txt becomes NAME.bin. The JSON beside them is ours to promise and
# is edited by hand. tests/unit/test_golden.c reads all three.
set -euo pipefail
cd "$(dirname "$0")"
for text in *.txt; do
  file=$(sed -n 's/^# proto-file: //p' "$text")
  message=$(sed -n 's/^# proto-message: //p' "$text")
  protoc --proto_path=../../proto --encode="$message" "../../proto/$file" \
    <"$text" >"${text%.txt}.bin"
done
