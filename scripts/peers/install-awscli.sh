#!/usr/bin/env bash
# Installs the aws-cli that bench/store.mjs compares with, once a version, from PyPI: install-awscli.sh FOLDER
set -euo pipefail
folder=$1 wanted=awscli==1.46.3
[ "$(cat "$folder/wanted" 2>/dev/null)" = "$wanted" ] && [ -x "$folder/bin/aws" ] && exit
rm -rf "$folder"
python3 -m venv "$folder"
bash "$(dirname "$0")/again.sh" "$folder/bin/pip" -q install "$wanted"
echo "$wanted" >"$folder/wanted"
