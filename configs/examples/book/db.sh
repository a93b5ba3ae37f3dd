#!/bin/sh
# A database of one number: how often it was started.
folder=${1:?usage: db.sh FOLDER}
mkdir -p "$folder"
starts=$(($(cat "$folder/starts" 2>/dev/null || echo 0) + 1))
echo "$starts" >"$folder/starts"
echo "start number $starts"
while true; do sleep 10; done
