// Copies what the pages load beside the compiled code: styles, icon, and the one bundle of the API reader.
import { chmodSync, copyFileSync, cpSync } from 'node:fs'

const target = 'dist/http/pages/static'
cpSync('src/http/pages/static', target, { recursive: true })
copyFileSync('node_modules/rapidoc/dist/rapidoc-min.js', `${target}/rapidoc-min.js`)
for (const name of ['main', 'refgenieserver']) chmodSync(`dist/cli/${name}.js`, 0o755)
