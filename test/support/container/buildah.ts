/** The image of docker/Dockerfile, built and run by buildah: the one builder that needs neither engine nor registry. */
import { execFile } from 'node:child_process'
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'

const run = promisify(execFile)
const OUTPUT_BYTES = 64 * 1024 * 1024

/** Images of the tests live beside the other peers, not among the operator's. */
process.env.CONTAINERS_STORAGE_CONF = resolve('.peers/container/storage.conf')

/** Isolation that works without user namespaces; it shares the network and the process table with the machine. */
export const ISOLATION = ['--isolation', 'chroot'] as const

/** What an image says about how it is run. */
export interface ImageConfig {
  readonly User: string
  readonly Env: readonly string[]
  readonly Cmd: readonly string[]
  readonly Entrypoint: readonly string[]
  readonly ExposedPorts: Readonly<Record<string, object>>
  readonly Healthcheck: { readonly Test: readonly string[] }
  readonly Labels: Readonly<Record<string, string>>
}

/** Runs buildah and gives what it wrote to standard output. */
export async function buildah(...args: readonly string[]): Promise<string> {
  const { stdout } = await run('buildah', args, { maxBuffer: OUTPUT_BYTES })
  return stdout.trim()
}

/** Builds docker/Dockerfile on the local base image, from the project as it is now. */
export async function buildImage(image: string): Promise<void> {
  const { stdout: base } = await run('bash', ['scripts/container/make-base.sh'])
  const secrets = await mkdtemp(join(tmpdir(), 'refdepot-secrets-'))
  try {
    const format = ['--format', 'docker', '--build-arg', `BASE_IMAGE=${base.trim()}`]
    const file = ['--file', 'docker/Dockerfile', '--tag', image, '.']
    await buildah('bud', ...ISOLATION, ...format, ...(await registrySecrets(secrets)), ...file)
    // The image that had this name before would stay on the disk without one.
    await buildah('rmi', '--prune')
  } finally {
    await rm(secrets, { recursive: true })
  }
}

/** What the image says about how it is run. */
export async function imageConfig(image: string): Promise<ImageConfig> {
  const text = await buildah('inspect', '--type', 'image', image)
  return JSON.parse(text).Docker.config
}

/** A container of the image, which ends with the test. */
export async function makeContainer(t: Test, image: string): Promise<string> {
  const container = await buildah('from', image)
  t.teardown(() => buildah('rm', container))
  return container
}

/** npm in the build reaches the registry as npm on this machine does, and nothing of that stays in the image. */
async function registrySecrets(folder: string): Promise<string[]> {
  const [registry, file] = await Promise.all(['registry', 'cafile'].map(npmSetting))
  const authorities = [process.env.NODE_EXTRA_CA_CERTS, file].find(Boolean)
  const known = authorities !== undefined && (await exists(authorities))
  const npmrc = join(folder, 'npmrc')
  await writeFile(npmrc, `registry=${registry}\n${known ? 'cafile=/run/secrets/ca\n' : ''}`)
  const secrets = ['--secret', `id=npmrc,src=${npmrc}`]
  return known ? [...secrets, '--secret', `id=ca,src=${authorities}`] : secrets
}

async function npmSetting(name: string): Promise<string | undefined> {
  const { stdout } = await run('npm', ['config', 'get', name])
  const value = stdout.trim()
  return value === 'null' || value === 'undefined' || value === '' ? undefined : value
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  )
}
