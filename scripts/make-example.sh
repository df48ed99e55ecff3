#!/usr/bin/env bash
# Makes example/ anew: the archive folder that `npm start` serves and the tests read.
#
# The real Python tools build it (scripts/peers/make-genomes.sh) in the neutral folder /srv/refgenie, so that nothing in it names a
# developer's machine; the unpacked copies stay out.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
bash "$here/peers/make-genomes.sh" /srv/refgenie
target="$here/../example"
rm -rf "$target"
mkdir -p "$target"
rsync -a --exclude='/*/*__*/' /srv/refgenie/archives/ "$target/"
du -sh "$target"
