#!/usr/bin/env bash
# Makes the secrets of compose.replicas.yaml from random bytes: make-secrets.sh FOLDER. What is there already stays.
set -euo pipefail
folder=${1:?a folder, docker/secrets for compose.replicas.yaml}
umask 077
mkdir -p "$folder"
# The files below may be read by every user, since each container has its own; so nobody else may enter the folder.
chmod 700 "$folder"
[ -e "$folder/database.env" ] && { echo "$folder has its secrets already" >&2; exit; }

random() { head -c 32 /dev/urandom | base64 | tr -d '=+/\n'; }

database=$(random) root=$(random) read=$(random) write=$(random)
printf 'ROOT_ACCESS_KEY=refdepot-root\nROOT_SECRET_KEY=%s\nAWS_ACCESS_KEY_ID=refdepot-root\nAWS_SECRET_ACCESS_KEY=%s\n' "$root" "$root" >"$folder/store-root.env"
printf 'AWS_ACCESS_KEY_ID=refdepot-read\nAWS_SECRET_ACCESS_KEY=%s\n' "$read" >"$folder/store-read.env"
printf 'AWS_ACCESS_KEY_ID=refdepot-write\nAWS_SECRET_ACCESS_KEY=%s\n' "$write" >"$folder/store-write.env"
user='"%s": {"access": "%s", "secret": "%s", "role": "user", "userID": 0, "groupID": 0, "projectID": 0}'
# shellcheck disable=SC2059
printf "{\"accessAccounts\": {$user, $user}}\n" refdepot-read refdepot-read "$read" refdepot-write refdepot-write "$write" >"$folder/store-users.json"
printf '%s' "$database" >"$folder/postgres-password"
chmod 644 "$folder/store-users.json" "$folder/postgres-password"
# Last: whoever finds it finds everything.
printf 'PGPASSWORD=%s\n' "$database" >"$folder/database.env"
