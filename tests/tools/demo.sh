#!/usr/bin/env bash
# From a clone to a running job: install, build, start a cluster, run hello_world.
# Everything it says goes to people; a failure says at which step.
set -euo pipefail
cd "$(dirname "$0")/../.."
begin=$(date +%s)
step() { printf '\n\033[1m==> %s\033[0m\n' "$*"; }
failed() { echo "make demo: failed while it was $doing" >&2; }
trap failed ERR

doing="installing packages"
step "Packages (make deps)"
make -s deps

doing="building"
step "Build (make)"
make -s -j"$(nproc)" all

doing="starting the cluster"
step "A cluster on this machine (clusterctl dev start)"
clusterctl=build/bin/clusterctl
"$clusterctl" dev start

key=devcluster/www-data/devel/hello_world
doing="running a job"
step "A job (clusterctl create $key configs/examples/hello_world.lua)"
"$clusterctl" status $key >/dev/null 2>&1 && "$clusterctl" killall $key
"$clusterctl" create $key configs/examples/hello_world.lua \
  --wait-until RUNNING --timeout 30
"$clusterctl" status $key
echo RUNNING

cat <<EOT

That took $(($(date +%s) - begin)) s. What to type next:

  export PATH=\$PWD/build/bin:\$PATH
  clusterctl logs $key/0                          # what it wrote
  less configs/examples/hello_world.lua           # the job file
  clusterctl create devcluster/www-data/devel/outputenv configs/examples/outputenv.lua
  clusterctl status devcluster/www-data/devel/outputenv   # ... has ports: open one
  clusterctl help
  clusterctl dev stop                             # ends the cluster and its tasks
EOT
