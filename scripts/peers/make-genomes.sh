#!/usr/bin/env bash
# Builds a real refgenie genome folder and its archive folder with the real Python tools.
#
# usage: make-genomes.sh DIR VENV
# gives: DIR/genomes   genome_config.yaml, data/, alias/: T7 and lambda, each with fasta, bowtie2_index and bwa_index; T7 fasta also as tag v2
#        DIR/archives  what `refgenieserver archive` makes of it: archives, logs, recipes, unpacked copies, genome_config.yaml
# DIR is a neutral folder (not below a home or a work tree): refgenie writes it into the logs, and links inside the archives point to it.
# VENV holds refgenie and refgenieserver (install-peers.sh makes it).
set -euo pipefail
here=$(dirname "$(realpath "$0")")
dir=$(mkdir -p "$1" && realpath "$1")
export PATH="$2/bin:$PATH"
config="$dir/genomes/genome_config.yaml"
lambda=/usr/share/doc/bowtie2/examples/reference/lambda_virus.fa.gz

if [ -f "$dir/archives/genome_config.yaml" ] && [ ! -f "$dir/.building" ]; then
  echo "$dir is already built"
  exit 0
fi
[ -f "$lambda" ] || { echo "$lambda is missing: dpkg drops documentation here; reinstall bowtie2-examples without that filter" >&2; exit 1; }

rm -rf "$dir/genomes" "$dir/archives"
mkdir -p "$dir/genomes" "$dir/archives"
touch "$dir/.building"

quiet() { "$@" >"$dir/last.log" 2>&1 || { echo "failed: $*" >&2; tail -20 "$dir/last.log" >&2; exit 1; }; }

quiet refgenie init -c "$config"
quiet refgenie build -c "$config" t7/fasta --files fasta="$here/t7.fa.gz" --genome-description "Bacteriophage T7 complete genome"
quiet refgenie build -c "$config" lambda/fasta --files fasta="$lambda" --genome-description "Enterobacteria phage lambda"
for genome in t7 lambda; do
  for asset in bowtie2_index bwa_index; do quiet refgenie build -c "$config" "$genome/$asset"; done
done
quiet refgenie build -c "$config" t7/fasta:v2 --files fasta="$here/t7.fa.gz"
sed -i "s#^genome_folder: .*#&\ngenome_archive_folder: $dir/archives#" "$config"
quiet refgenieserver archive -c "$config"

rm "$dir/.building"
echo "built $dir/genomes and $dir/archives"
