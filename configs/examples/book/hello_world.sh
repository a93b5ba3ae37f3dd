#!/bin/sh
# Says hello every ten seconds.
while true; do
  echo "hello world"
  sleep 10
done
