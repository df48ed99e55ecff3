#!/usr/bin/env bash
# Builds the S3 server that the tests talk to, once a version: install-versitygw.sh FOLDER
set -euo pipefail
folder=$1 version=v1.8.0
[ "$(cat "$folder/wanted" 2>/dev/null)" = "$version" ] && [ -x "$folder/versitygw" ] && exit
command -v go >/dev/null || PATH=$PATH:/usr/local/go/bin
command -v go >/dev/null || { echo 'versitygw needs Go 1.25 or newer: install it from https://go.dev/dl' >&2; exit 1; }
mkdir -p "$folder"
GOBIN=$(realpath "$folder") GOFLAGS=-trimpath bash "$(dirname "$0")/again.sh" go install "github.com/versity/versitygw/cmd/versitygw@$version"
echo "$version" >"$folder/wanted"
