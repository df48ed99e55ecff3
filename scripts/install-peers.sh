#!/usr/bin/env bash
# Installs everything `npm run test:peers` compares refdepot with, and builds the real genome folder. Safe to run again:
# what is there with the pinned versions is left alone. Needs root (apt), Debian 12, Node 20, Python 3.11.
#
#   .peers/venv           refgenie and refgenieserver          (scripts/peers/refgenie.txt)
#   .peers/python-client  openapi-python-client                (scripts/peers/python-client.txt)
#   .peers/schemathesis   schemathesis                         (scripts/peers/schemathesis.txt)
#   .peers/node           openapi-typescript, Redocly CLI, …   (scripts/peers/package.json)
#   /srv/refgenie         genomes/ and archives/, made by the real tools (REFDEPOT_PEER_DATA overrides the folder)
set -euo pipefail
root=$(realpath "$(dirname "$0")/..")
peers="$root/.peers"
data="${REFDEPOT_PEER_DATA:-/srv/refgenie}"
packages=(pigz rsync samtools bwa bowtie2 bowtie2-examples aria2 wget curl ca-certificates xz-utils)
mkdir -p "$peers"

python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3 python3-venv)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
if [ "${#missing[@]}" -gt 0 ]; then
  echo "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  install_missing() { apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$peers/apt.log" 2>&1; }
  install_missing || { apt-get update -qq; install_missing || { tail -20 "$peers/apt.log" >&2; exit 1; }; }
fi

# A venv is complete when its stamp holds the very requirements file it was made from.
install_venv() {
  local folder="$peers/$1" requirements="$root/scripts/peers/$2"
  cmp -s "$requirements" "$folder/.installed" && return
  echo "installing $2 into .peers/$1"
  rm -rf "$folder"
  python3 -m venv "$folder"
  "$folder/bin/pip" install -q --disable-pip-version-check -r "$requirements"
  cp "$requirements" "$folder/.installed"
}
install_venv venv refgenie.txt
install_venv python-client python-client.txt
install_venv schemathesis schemathesis.txt

if ! cmp -s "$root/scripts/peers/package.json" "$peers/node/.installed"; then
  echo "installing the OpenAPI tools into .peers/node"
  rm -rf "$peers/node"
  mkdir -p "$peers/node"
  cp "$root/scripts/peers/package.json" "$peers/node/package.json"
  npm install --prefix "$peers/node" --no-audit --no-fund --loglevel=error
  cp "$root/scripts/peers/package.json" "$peers/node/.installed"
fi

bash "$root/scripts/peers/make-genomes.sh" "$data" "$peers/venv"
