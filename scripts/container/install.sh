#!/usr/bin/env bash
# Installs what the container test builds and runs images with. Debian's buildah needs no engine and no daemon, which is
# why it works on machines where `docker build` does not. Safe to run again: it does nothing when the tools are there.
set -euo pipefail

missing=()
command -v buildah >/dev/null || missing+=(buildah)
command -v debootstrap >/dev/null || missing+=(debootstrap)
command -v unshare >/dev/null || missing+=(util-linux)
((${#missing[@]} == 0)) && exit 0

export DEBIAN_FRONTEND=noninteractive
again="$(dirname "$(realpath "$0")")/../peers/again.sh"
bash "$again" apt-get update -qq
bash "$again" apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >/dev/null
buildah --version
