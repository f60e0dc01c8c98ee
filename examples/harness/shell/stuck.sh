#!/bin/sh
# A backup is stuck in creating for an hour, and the client gives up after 30 minutes. It takes
# seconds. Needs cindergate, curl and openstack.
set -eu
cindergate harness --now 2026-01-01T00:00:00Z --ready-fd 3 3>environment &
trap 'kill $!; rm -f environment' EXIT
until grep -qs HARNESS_URL environment; do :; done
. ./environment
ask() { curl -fsS -H 'Content-Type: application/json' -X "$1" "$HARNESS_URL$2" ${3:+-d "$3"}; }

openstack volume create --size 1 data -f value -c id >/dev/null
ask POST /faults '[{"job": {"kind": "backup", "stick": true}}]' >/dev/null
openstack volume backup create --name nightly data -f value -c id >/dev/null

show() { openstack volume backup show nightly -f value -c status; }
waited=0
while status=$(show) && [ "$status" = creating ] && [ $waited -lt 30 ]; do
    ask POST /clock/advance '{"by": "15m"}' >/dev/null
    waited=$((waited + 15))
done
echo "after $waited minutes the client gives up: $status"

ask POST /clock/advance '{"by": "29m"}' >/dev/null
ask POST /release '{}' >/dev/null
ask POST /clock/advance '{"by": "1m"}' >/dev/null
status=$(show)
echo "after an hour the cloud goes on: $status"
[ "$status" = available ]
