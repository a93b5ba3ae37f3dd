#!/usr/bin/env bash
# A framework of shell and curl: subscribes, takes an offer, launches a command,
# acknowledges its updates and sees it finish. Starts its own cluster.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=${PERIGEE_BIN:-$PWD/build/bin}
dir=$(mktemp -d)
chmod 755 "$dir" # tasks run as somebody else
pids=()
finish() {
  status=$?
  [ $status -eq 0 ] || tail -n 40 "$dir"/*.log >&2
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$dir"
}
trap finish EXIT

free_port() { # one that nobody listens on now
  local port
  while :; do
    port=$((20000 + RANDOM % 20000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}
await() { # seconds, command...: until it succeeds
  local end=$((SECONDS + $1))
  shift
  until "$@" 2>/dev/null; do
    [ $SECONDS -lt $end ] || { echo "timed out: $*" >&2; return 1; }
    sleep 0.05
  done
}

master=127.0.0.1:$(free_port)
agent_port=$(free_port)
"$bin/perigee-master" --port="${master#*:}" --work_dir="$dir/master" 2>"$dir/master.log" &
pids+=($!)
await 10 curl -sf "$master/health"
"$bin/perigee-agent" --master="$master" --port="$agent_port" \
  --work_dir="$dir/agent" --resources='cpus:4;mem:4096;disk:8192' \
  2>"$dir/agent.log" &
pids+=($!)

# --- the framework ----------------------------------------------------------
mkfifo "$dir/events"
curl -sN -D "$dir/head" "http://$master/api/v1/scheduler" \
  -H 'Content-Type: application/json' -d '{"type": "SUBSCRIBE", "subscribe":
  {"framework_info": {"user": "nobody", "name": "curl"}}}' >"$dir/events" &
pids+=($!)
exec 3<"$dir/events"

next() { # pattern: the next event that matches, into $event
  local length
  while read -r -t 20 -u 3 length; do
    LC_ALL=C read -r -N "$length" -u 3 event
    [[ $event == *$1* ]] && return
  done
  echo "no event with $1" >&2
  return 1
}
pick() { # name: the first value of "name":{"value":"..."} in the event
  sed -E "s/.*\"$1\":\\{\"value\":\"([^\"]*)\"\\}.*/\\1/" <<<"$event"
}
call() { # type, members: one call; its status must be 202
  local status
  status=$(curl -s -o "$dir/answer" -w '%{http_code}' \
    "http://$master/api/v1/scheduler" -H 'Content-Type: application/json' \
    -H "Mesos-Stream-Id: $stream" \
    -d "{\"type\": \"$1\", \"framework_id\": {\"value\": \"$framework\"}, $2}")
  [ "$status" = 202 ] || { cat "$dir/answer" >&2; return 1; }
}

next '"SUBSCRIBED"'
framework=$(pick framework_id)
stream=$(tr -d '\r' <"$dir/head" | sed -n 's/^[Mm]esos-[Ss]tream-[Ii]d: //p')
next '"OFFERS"'
agent=$(pick agent_id)
offer=$(sed -E 's/.*"offers":\[\{"id":\{"value":"([^"]*)".*/\1/' <<<"$event")
call ACCEPT "\"accept\": {\"offer_ids\": [{\"value\": \"$offer\"}],
  \"operations\": [{\"type\": \"LAUNCH\", \"launch\": {\"task_infos\": [{
    \"name\": \"hello\", \"task_id\": {\"value\": \"t1\"},
    \"agent_id\": {\"value\": \"$agent\"},
    \"command\": {\"value\": \"echo hello from curl\"}, \"resources\": [
    {\"name\": \"cpus\", \"type\": \"SCALAR\", \"scalar\": {\"value\": 0.1}},
    {\"name\": \"mem\", \"type\": \"SCALAR\", \"scalar\": {\"value\": 32}}]}]}}]}"
while next '"UPDATE"'; do
  state=$(sed -E 's/.*"state":"([A-Z_]*)".*/\1/' <<<"$event")
  uuid=$(sed -E 's/.*"uuid":"([^"]*)".*/\1/' <<<"$event")
  echo "$state"
  call ACKNOWLEDGE "\"acknowledge\": {\"agent_id\": {\"value\": \"$agent\"},
    \"task_id\": {\"value\": \"t1\"}, \"uuid\": \"$uuid\"}"
  case $state in
  TASK_STARTING | TASK_RUNNING) ;;
  TASK_FINISHED) break ;;
  *) echo "$event" >&2; exit 1 ;;
  esac
done
output=$(find "$dir/agent" -name stdout -exec cat {} +)
[[ $output == *'hello from curl'* ]]
call TEARDOWN '"teardown": null'
