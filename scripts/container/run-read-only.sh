#!/usr/bin/env bash
# Runs a program of an image the way `docker run --read-only --user 1000:1000 -v GENOMES:/genomes:ro` does, for machines
# where buildah can run an image but cannot make its root read-only.
#   run-read-only.sh ROOT GENOMES NAME=VALUE… -- PROGRAM ARGUMENT…
# ROOT is the mounted image (`buildah mount`). The mounts live in a mount namespace that ends with the program, and the
# program replaces this script, so a signal sent to the process reaches it directly.
set -euo pipefail

if [[ ${REFDEPOT_OWN_MOUNTS:-} != yes ]]; then
  REFDEPOT_OWN_MOUNTS=yes exec unshare --mount --propagation private -- "${BASH_SOURCE[0]}" "$@"
fi
root=$1 genomes=$2
shift 2
variables=()
while [[ $1 != -- ]]; do
  variables+=("$1")
  shift
done
shift
mount --bind "$root" "$root"
mount --bind "$genomes" "$root/genomes"
mount -o remount,bind,ro "$root/genomes"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -o remount,bind,ro "$root"
exec chroot "$root" setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs -- \
  env -i "${variables[@]}" "$@"
