#!/usr/bin/env bash
# Makes example/, the small archive folder `npm start` serves: T7 and lambda as the real refgenieserver archived them,
# without the unpacked copies. Run install-peers.sh first; the result is committed.
set -euo pipefail
root=$(realpath "$(dirname "$0")/..")
source="${REFDEPOT_PEER_DATA:-/srv/refgenie}/archives"
target="$root/example"
most_bytes=$((3 * 1000 * 1000))

[ -f "$source/genome_config.yaml" ] || { echo "$source/genome_config.yaml is missing: run scripts/install-peers.sh" >&2; exit 1; }

# The unpacked copies are the folders inside the genome folders; everything else is a file at depth 1 or 2.
rm -rf "$target"
mkdir "$target"
(cd "$source" && find . -mindepth 1 -maxdepth 2 -type f ! -name 'lock-*' -print0 | sort -z) |
  rsync -a --no-owner --no-group --chmod=D755,F644 --from0 --files-from=- "$source/" "$target/"

bytes=$(find "$target" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum }')
[ "$bytes" -lt "$most_bytes" ] || { echo "example/ has $bytes bytes, at most $most_bytes are allowed" >&2; exit 1; }
echo "example/: $bytes bytes"
