/** A bundle read where it lies, and compared with what it says of itself. */
import { createHash } from 'node:crypto'
import { readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import { BUNDLE_MANIFEST, bundleManifestText } from '../../src/archive/bundle-manifest.ts'
import { BundleStore } from '../../src/archive/bundle-store.ts'
import { type TarMember, writeTar } from '../../src/archive/tar-file.ts'
import { verifyBundle } from '../../src/archive/verify-bundle.ts'

const digest = (kind: string, text: string) => createHash(kind).update(text).digest('hex')
const changed = () => new Error('changed')
const BYTES = 'the bytes of an archive'
const KEY = `archives/${digest('md5', BYTES)}/fasta__default.tgz`

function member(path: string, text: string): TarMember {
  const content = () => Readable.from([Buffer.from(text)])
  return { path, size: Buffer.byteLength(text), sha256: digest('sha256', text), content }
}

/** A bundle of some texts, whatever they are. */
async function bundleOf(t: Test, texts: Record<string, string>): Promise<string> {
  const path = join(t.testdir({}), 'bundle')
  const members = Object.keys(texts)
    .sort()
    .map(key => member(key, texts[key] as string))
  const files = members.map(({ path: key, size, sha256 }) => ({ key, size, sha256 }))
  const manifest = member(BUNDLE_MANIFEST, bundleManifestText(files))
  await writeTar(path, [manifest, ...members], changed)
  return path
}

const OWN = { 'current.json': '{}', 'generations/000001.yaml': 'genomes: {}' }

t.test('objects by key', async t => {
  const path = await bundleOf(t, { ...OWN, [KEY]: BYTES })
  const store = await BundleStore.open(path)
  const object = await store.open(KEY)
  t.match(object, { key: KEY, size: BYTES.length, place: undefined })
  t.equal(String(await object?.bytes({ start: 4, end: 9 })), 'bytes')
  await object?.close()
  const again = await store.open(KEY)
  const chunks = await again?.stream({ start: 0, end: BYTES.length }).toArray()
  t.equal(Buffer.concat(chunks ?? []).toString(), BYTES)
  t.equal(await store.open('archives/x'), undefined)
  t.equal(await store.identify('archives/x'), undefined)
  t.match(await store.identify(KEY), { size: BYTES.length, inode: /^[0-9a-f]{32}$/ })
  t.same(await store.list('releases'), [])
  t.same(await store.list('generations'), [{ path: '000001.yaml', size: 11 }])
  await verifyBundle(store, path)
  await writeFile(path, await readFile(path))
  // Two times of one tick of the kernel are the same.
  await utimes(path, 1, 1)
  await t.rejects(store.open(KEY), { code: 'storage-failed', message: /was replaced/ })
})

t.test('an archive under the digest of another one', async t => {
  const path = await bundleOf(t, { ...OWN, [`archives/${'a'.repeat(32)}/x__y.tgz`]: BYTES })
  await t.rejects(verifyBundle(await BundleStore.open(path), path), {
    code: 'digest-mismatch',
    message: new RegExp(`has the md5 ${digest('md5', BYTES)}`),
  })
})

t.test('flipped bytes', async t => {
  const path = await bundleOf(t, { ...OWN, [KEY]: BYTES })
  const sound = await readFile(path)
  const at = sound.indexOf(BYTES)
  for (const [place, expected] of [
    [at + 3, { code: 'digest-mismatch', message: /has the sha256/ }],
    [at + BYTES.length + 9, { code: 'bundle-damaged' }],
    [at - 512 + 105, { code: 'bundle-damaged' }],
    [sound.length - 1, { code: 'bundle-damaged' }],
  ] as const) {
    const bytes = Buffer.from(sound)
    bytes[place] = (bytes[place] as number) ^ 1
    await writeFile(path, bytes)
    await t.rejects(verifyBundle(await BundleStore.open(path), path), expected)
  }
})

t.test('a header that is none', async t => {
  const path = await bundleOf(t, OWN)
  const bytes = await readFile(path)
  bytes.fill(0, 0, 512)
  await writeFile(path, bytes)
  await t.rejects(BundleStore.open(path), { message: /does not begin with refdepot-bundle\.json/ })
})
