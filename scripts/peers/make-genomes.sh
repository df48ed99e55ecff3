#!/usr/bin/env bash
# Builds a real refgenie genome folder and its archive folder with the real Python tools, for fixtures and for
# side-by-side comparison. Everything it needs comes from apt and PyPI.
#
# usage: make-genomes.sh DIR
# gives: DIR/genomes   (genome_config.yaml, data/, alias/: two phage genomes, each with fasta, bowtie2_index, bwa_index; T7 fasta also as tag v2)
#        DIR/archives  (what `refgenieserver archive` makes of it: .tgz, logs, recipes, unpacked copies, genome_config.yaml)
#        DIR/venv      (refgenie 0.13.0, refgenconf 0.13.1, refgenieserver 0.8.0)
set -euo pipefail
here=$(dirname "$(realpath "$0")"); dir=$(mkdir -p "$1" && realpath "$1")
need=(pigz rsync samtools bwa bowtie2 bowtie2-examples)
again() { bash "$here/again.sh" "$@"; }
dpkg -s "${need[@]}" >/dev/null 2>&1 || { again apt-get update -qq; again apt-get install -y -qq "${need[@]}" >/dev/null; }
[ -x "$dir/venv/bin/refgenieserver" ] || { python3 -m venv "$dir/venv"; again "$dir/venv/bin/pip" -q install refgenie==0.13.0 refgenconf==0.13.1 refgenieserver==0.8.0 fastapi==0.165.0 starlette==1.10.0 pydantic==2.14.3 uvicorn==0.54.0 yacman==1.0.0 ubiquerg==0.9.3; }
export PATH="$dir/venv/bin:$PATH"
config="$dir/genomes/genome_config.yaml"
[ -f "$dir/complete" ] && { echo "$dir is already built"; exit 0; }
# A run that was broken off leaves a config that lists what it had not built yet.
rm -rf "$dir/genomes" "$dir/archives"
mkdir -p "$dir/genomes" "$dir/archives"
quiet() { "$@" >"$dir/last.log" 2>&1 || { tail -5 "$dir/last.log"; exit 1; }; }
# Build logs name the input and the working folder: both must be neutral.
cp "$here/t7.fa.gz" "$dir/t7.fa.gz"
cd "$dir"
quiet refgenie init -c "$config"
quiet refgenie build -c "$config" t7/fasta --files fasta="$dir/t7.fa.gz" --genome-description "Bacteriophage T7 complete genome"
quiet refgenie build -c "$config" lambda/fasta --files fasta=/usr/share/doc/bowtie2/examples/reference/lambda_virus.fa.gz --genome-description "Enterobacteria phage lambda"
for genome in t7 lambda; do for asset in bowtie2_index bwa_index; do quiet refgenie build -c "$config" $genome/$asset; done; done
quiet refgenie build -c "$config" t7/fasta:v2 --files fasta="$dir/t7.fa.gz"
sed -i "s#^genome_folder: .*#&\ngenome_archive_folder: $dir/archives#" "$config"
quiet refgenieserver archive -c "$config"
touch "$dir/complete"
echo "built $dir/genomes and $dir/archives"
