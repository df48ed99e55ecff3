#!/usr/bin/env bash
# Runs a command up to three times, for downloads over a network that fails now and then: again.sh COMMAND…
set -uo pipefail
for wait in 5 20; do
  "$@" && exit
  echo "$1 failed ($?), again in $wait s" >&2
  sleep "$wait"
done
exec "$@"
