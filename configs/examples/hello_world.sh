#!/bin/bash
# Say hello until somebody ends it.
while true; do
  echo "hello world, it is $(date +%T)"
  sleep 10
done
