#!/usr/bin/env bash
# Installs the real peers that test:peers compares with: idempotent, from Debian, PyPI, npm and Go modules only.
#
# Debian: aligners, transfer tools, a container builder. PyPI: refgenie and refgenieserver (with the stack the reference was measured on), a
# client generator, schemathesis. npm: a client generator, a linter of OpenAPI documents, genome browsers. Go: an S3 server, readers of deployment files. They live in .peers/, not in our package.json.
set -euo pipefail
root=$(dirname "$(dirname "$(realpath "$0")")")
peers="$root/.peers"
mkdir -p "$peers"
again() { bash "$root/scripts/peers/again.sh" "$@"; }

need=(aria2 chromium curl fish groff libarchive-tools man-db mandoc nginx-light openssl pigz postgresql procps python3-venv rclone rsync samtools bwa bowtie2 bowtie2-examples tabix time wget zsh)
if ! dpkg -s "${need[@]}" >/dev/null 2>&1; then
  again apt-get update -qq
  DEBIAN_FRONTEND=noninteractive again apt-get install -y -qq "${need[@]}" >/dev/null
fi

# The genome folder that the tests compare with; it lives in a neutral place, since its files carry their path.
bash "$root/scripts/peers/make-genomes.sh" /srv/refgenie

venv() { # name, packages…
  local dir="$peers/$1" wanted="${*:2}"
  [ "$(cat "$dir/wanted" 2>/dev/null)" = "$wanted" ] && return
  rm -rf "$dir"
  python3 -m venv "$dir"
  again "$dir/bin/pip" -q install "${@:2}"
  echo "$wanted" >"$dir/wanted"
}
venv client-generator openapi-python-client==0.29.1
venv schemathesis schemathesis==4.32.5

wanted='@redocly/cli@2.77.0 openapi-typescript@7.13.0 openapi-fetch@0.17.0 typescript@5.9.3'
if [ "$(cat "$peers/node/wanted" 2>/dev/null)" != "$wanted" ]; then
  mkdir -p "$peers/node"
  echo '{"private":true,"type":"module"}' >"$peers/node/package.json"
  # shellcheck disable=SC2086
  again npm install --prefix "$peers/node" --no-audit --no-fund --save-exact --loglevel=error $wanted >/dev/null
  echo "$wanted" >"$peers/node/wanted"
fi
# Genome browsers, whose requests the doctor makes.
wanted='igv@3.8.10 @gmod/indexedfasta@5.0.2 generic-filehandle2@2.1.10'
if [ "$(cat "$peers/browsers/wanted" 2>/dev/null)" != "$wanted" ]; then
  mkdir -p "$peers/browsers"
  echo '{"private":true,"type":"module"}' >"$peers/browsers/package.json"
  # shellcheck disable=SC2086
  again npm install --prefix "$peers/browsers" --no-audit --no-fund --save-exact --loglevel=error $wanted >/dev/null
  echo "$wanted" >"$peers/browsers/wanted"
fi
bash "$root/scripts/peers/install-versitygw.sh" "$peers/versitygw"
bash "$root/scripts/peers/install-kubeconform.sh" "$peers/kubeconform"
# The other Node.js lines that the server has to run on; the npm package brings the program.
for version in 22.23.3 24.21.0; do
  dir="$peers/node-${version%%.*}"
  [ "$("$dir/node_modules/node/bin/node" --version 2>/dev/null)" = "v$version" ] && continue
  mkdir -p "$dir"
  echo '{"private":true}' >"$dir/package.json"
  again npm install --prefix "$dir" --no-audit --no-fund --save-exact --loglevel=error "node@$version" >/dev/null
done
echo 'peers are installed'
