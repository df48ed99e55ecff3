#!/usr/bin/env bash
# Makes the genome folder that bench/archive.mjs archives: `make-archiver-input.sh [DIR]`, idempotent.
#
# A random FASTA of 200 MB, built by the real refgenie into the assets fasta and bwa_index: about 530 MB. It takes some minutes of CPU. The
# peers (`npm run test:peers` installs them) must be there.
set -euo pipefail
dir=${1:-${BENCH_DIR:-/work/tmp/bench-archiver}}
venv=${REFGENIE_VENV:-/srv/refgenie/venv}
[ -f "$dir/done" ] && exit 0
rm -rf "$dir"
mkdir -p "$dir/genomes" "$dir/archives"
node - "$dir/rand200.fa" <<'JS'
// Four sequences of 49.2 million random bases, 60 a line; the same on every machine.
const { createWriteStream } = require('node:fs')
const { once } = require('node:events')
const output = createWriteStream(process.argv[2])
let state = 1
const letter = () => {
  state = (Math.imul(state, 1103515245) + 12345) >>> 0
  return 'ACGT'.charCodeAt(state >>> 30)
}
async function main() {
  for (let sequence = 1; sequence <= 4; sequence += 1) {
    output.write(`>chr${sequence}\n`)
    for (let lines = 0; lines < 820_000; lines += 20_000) {
      const block = Buffer.alloc(20_000 * 61, 10)
      for (let i = 0; i < block.length; i += 1) if (i % 61 !== 60) block[i] = letter()
      if (!output.write(block)) await once(output, 'drain')
    }
  }
  output.end()
}
main()
JS
pigz -1 "$dir/rand200.fa"
config="$dir/genomes/genome_config.yaml"
export PATH="$venv/bin:$PATH"
refgenie init -c "$config" >"$dir/build.log" 2>&1
refgenie build -c "$config" rand200/fasta --files fasta="$dir/rand200.fa.gz" >>"$dir/build.log" 2>&1
refgenie build -c "$config" rand200/bwa_index >>"$dir/build.log" 2>&1
sed -i "s#^genome_folder: .*#&\ngenome_archive_folder: $dir/archives#" "$config"
rm "$dir/rand200.fa.gz"
touch "$dir/done"
