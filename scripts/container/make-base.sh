#!/usr/bin/env bash
# Makes the base image that the container test gives to docker/Dockerfile in place of node:24-bookworm-slim: Debian's
# minbase and this machine's own node and npm. No image registry is asked, so the test runs where none is reachable.
#
# Prints the image's name on standard output, everything else on standard error. What it makes stays in .peers/container
# (storage of its own, so the operator's images are left alone); a second run only looks it up.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=$(cd "$here/../.." && pwd)/.peers/container
suite=bookworm
mirror=${REFDEPOT_DEBIAN_MIRROR:-http://deb.debian.org/debian}
export CONTAINERS_STORAGE_CONF=$cache/storage.conf

say() { echo "make-base: $*" >&2; }

write_storage_conf() {
  mkdir -p "$cache/storage-$1"
  printf '[storage]\ndriver = "%s"\ngraphroot = "%s"\nrunroot = "/run/refdepot-containers-%s"\n' \
    "$1" "$cache/storage-$1" "$(printf %s "$cache" | sha256sum | cut -c1-12)" >"$CONTAINERS_STORAGE_CONF"
}

# overlay cannot be mounted inside every sandbox; vfs copies instead, which is slow but works everywhere.
storage_works() {
  local container
  container=$(buildah from scratch 2>/dev/null) || return 1
  local status=0
  buildah mount "$container" >/dev/null 2>&1 || status=1
  buildah rm "$container" >/dev/null 2>&1 || true
  return $status
}

choose_storage() {
  [[ -s $CONTAINERS_STORAGE_CONF ]] && storage_works && return
  local driver
  for driver in overlay vfs; do
    write_storage_conf "$driver"
    if storage_works; then
      say "storage driver: $driver"
      return
    fi
  done
  say 'buildah can use neither overlay nor vfs here'
  return 1
}

make_minbase() {
  local tarball=$1 root
  [[ -s $tarball ]] && return
  root=$(mktemp -d "$cache/minbase.XXXXXX")
  say "debootstrap $suite from $mirror"
  debootstrap --variant=minbase --include=libstdc++6 "$suite" "$root" "$mirror" </dev/null >"$cache/debootstrap.log" 2>&1 ||
    { tail -20 "$cache/debootstrap.log" >&2; return 1; }
  rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}/* "$root"/dev/*
  tar -C "$root" -cf "$tarball.part" . && mv "$tarball.part" "$tarball"
  rm -rf "$root"
}

# The official node images have a user `node` with id 1000, and node and npm below /usr/local.
commit_base() {
  local tarball=$1 image=$2 container root npm_home
  npm_home=$(cd "$(dirname "$(readlink -f "$(command -v npm)")")/.." && pwd)
  container=$(buildah from scratch)
  trap 'buildah rm "$container" >/dev/null 2>&1 || true' RETURN
  root=$(buildah mount "$container")
  tar -C "$root" -xf "$tarball"
  mkdir -p "$root/usr/local/lib/node_modules"
  cp "$(readlink -f "$(command -v node)")" "$root/usr/local/bin/node"
  cp -R "$npm_home" "$root/usr/local/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$root/usr/local/bin/npx"
  chroot "$root" useradd --create-home --uid 1000 --user-group --shell /bin/bash node
  buildah umount "$container" >/dev/null
  buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --cmd node "$container"
  buildah commit --quiet "$container" "$image" >/dev/null
}

for tool in buildah debootstrap; do
  command -v "$tool" >/dev/null || { say "$tool is missing: run scripts/container/install.sh"; exit 1; }
done
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
choose_storage
key=$(node --version)-npm$(npm --version)-$(sha256sum "${BASH_SOURCE[0]}" | cut -c1-12)
image=localhost/refdepot-base:$key
if ! buildah inspect --type image "$image" >/dev/null 2>&1; then
  tarball=$cache/$suite-minbase.tar
  make_minbase "$tarball"
  say "committing $image"
  commit_base "$tarball" "$image"
fi
echo "$image"
