import t from 'tap'
import {
  findTag,
  followSource,
  newServerConfig,
  recordArchive,
  recordPublished,
  removeTag,
} from '../../src/archive/server-record.ts'
import type { RawConfig } from '../../src/config/genome-config-schema.ts'

const ARCHIVED = {
  genome: 'g',
  asset: 'a',
  tag: 't',
  archiveDigest: 'd'.repeat(32),
  archiveSize: 2048,
  assetSize: 4096,
  assetDigest: 'e'.repeat(32),
}

t.test('an archive is recorded where the config says nothing at all', async t => {
  const config: RawConfig = {}
  recordArchive(config, {}, ARCHIVED)
  t.same(config.genomes, {
    g: {
      aliases: [],
      genome_description: 'No description',
      assets: {
        a: {
          asset_description: 'No description',
          default_tag: 'default',
          tags: {
            t: {
              asset_children: [],
              asset_parents: [],
              asset_digest: 'e'.repeat(32),
              archive_digest: 'd'.repeat(32),
              archive_size: '2.00 KB',
              asset_size: '4.00 KB',
            },
          },
        },
      },
    },
  })
})

t.test(
  'children are told to parents that are there, in either config; odd relatives do no harm',
  async t => {
    const source: RawConfig = {
      genomes: {
        g: {
          aliases: null,
          assets: {
            a: {
              asset_description: 'A',
              default_tag: 't',
              tags: { t: { asset_parents: ['g/p:default', 'g/p', 'g/none:x', 'odd'] } },
            },
          },
        },
      },
    }
    const target: RawConfig = {
      genomes: {
        g: {
          genome_description: 'kept',
          assets: {
            p: { tags: { default: {} } },
            a: { tags: { t: { asset_children: ['g/z:1', 'g/b:1'] } } },
          },
        },
      },
    }
    recordArchive(target, source, { ...ARCHIVED, legacyDigest: 'f'.repeat(32) })
    t.same(findTag(target, { genome: 'g', asset: 'p', tag: 'default' })?.asset_children, ['g/a:t'])
    t.match(findTag(target, ARCHIVED), {
      asset_children: ['g/b:1', 'g/z:1'],
      legacy_archive_digest: 'f'.repeat(32),
    })
    t.match(target.genomes?.g, {
      genome_description: 'kept',
      assets: { a: { asset_description: 'A', default_tag: 't' } },
    })
    t.equal(findTag({}, ARCHIVED), undefined)
    t.equal(
      findTag({ genomes: { g: { assets: { a: { tags: { t: null } } } } } }, ARCHIVED),
      undefined,
    )
  },
)

t.test('what is new in the source is taken over, what is archived stays', async t => {
  const source: RawConfig = {
    genomes: {
      g: {
        aliases: ['x'],
        assets: { a: { tags: { t: { asset_path: 'new' }, u: null } }, b: null },
      },
      h: null,
    },
  }
  const target: RawConfig = {
    genomes: { g: { assets: { a: { tags: { t: { asset_path: 'old' } } } } } },
  }
  followSource(target, source)
  t.same(target.genomes, {
    g: {
      aliases: ['x'],
      assets: { a: { tags: { t: { asset_path: 'old' }, u: {} } }, b: { tags: {} } },
    },
    h: {},
  })
  followSource(target, {})
  const copy = newServerConfig(source)
  t.same(copy, source)
  t.not(copy.genomes, source.genomes)
})

t.test('a tag is removed with what becomes empty, and relatives forget it', async t => {
  const config: RawConfig = {
    genomes: {
      g: {
        assets: {
          a: { default_tag: 't', tags: { t: {}, u: {} } },
          p: {
            tags: {
              default: { asset_children: ['g/a:t', 'g/a:u'], asset_parents: ['g/q:1'] },
              none: null,
            },
          },
          q: null,
        },
      },
      h: null,
      k: {},
    },
  }
  removeTag(config, ARCHIVED)
  t.same(config.genomes?.g?.assets?.a, { tags: { u: {} } })
  t.same(findTag(config, { genome: 'g', asset: 'p', tag: 'default' })?.asset_children, ['g/a:u'])
  removeTag(config, { ...ARCHIVED, tag: 'u' })
  t.notOk(Object.hasOwn(config.genomes?.g?.assets ?? {}, 'a'))
  removeTag(config, { ...ARCHIVED, tag: 'nope' })
  removeTag(config, { ...ARCHIVED, genome: 'nope' })
  t.same(Object.keys(config.genomes ?? {}), ['g', 'h', 'k'])
})

t.test(
  'what the source says of access is carried over, and what it does not speak of stays',
  async t => {
    const source: RawConfig = {
      genomes: {
        g: {
          access: 'controlled',
          assets: { a: { study: ['S'], tags: { t: { access: 'open' }, u: { study: 'T' } } } },
        },
        h: { assets: { x: { access: 'controlled', tags: { y: { access: 'controlled' } } } } },
      },
    }
    const config: RawConfig = {
      genomes: {
        g: { assets: { a: { tags: { t: { access: 'controlled', study: 'OLD' }, u: {} } } } },
      },
    }
    followSource(config, source)
    const marks = {
      g: {
        access: 'controlled',
        assets: {
          a: { study: ['S'], tags: { t: { access: 'open', study: 'OLD' }, u: { study: 'T' } } },
        },
      },
      h: { assets: { x: { access: 'controlled', tags: { y: { access: 'controlled' } } } } },
    }
    t.match(config.genomes, marks)
    recordArchive(config, source, { ...ARCHIVED, genome: 'g', asset: 'a', tag: 't' })
    t.match(config.genomes, marks)
    followSource(config, { genomes: { g: { assets: { a: { tags: { t: {} } } } } } })
    t.match(config.genomes, marks, 'a tool that dropped the keys opens nothing')
    const fresh: RawConfig = {}
    recordArchive(fresh, source, { ...ARCHIVED, genome: 'h', asset: 'x', tag: 'y' })
    t.match(fresh.genomes?.h, marks.h)
  },
)

const NOW = '2026-11-21T12:00:00.000Z'
const PUBLISHED = { keepsArchive: false, now: NOW }

t.test('a published tag is taken over with its genome and asset; others stay', async t => {
  const source: RawConfig = {
    genomes: {
      g: {
        aliases: ['x'],
        access: 'controlled',
        licence: 'CC0-1.0',
        assets: { a: { default_tag: 't', tags: { t: { asset_path: 'a' }, u: {} } } },
      },
    },
  }
  const target: RawConfig = {
    genomes: { g: { study: 'S', assets: { a: { tags: { old: {} } }, b: {} } } },
  }
  recordPublished(target, source, { genome: 'g', asset: 'a', tag: 't', ...PUBLISHED })
  const wanted = {
    g: {
      study: 'S',
      aliases: ['x'],
      access: 'controlled',
      licence: 'CC0-1.0',
      assets: {
        a: { default_tag: 't', tags: { old: {}, t: { asset_path: 'a', published_at: NOW } } },
        b: {},
      },
    },
  }
  t.same(target.genomes, wanted)
  recordPublished(target, source, { genome: 'g', asset: 'a', tag: 'gone', ...PUBLISHED })
  t.same(target.genomes, wanted)
})

t.test(
  'when a tag was published, whether it is withdrawn and a kept archive are what the store says',
  async t => {
    const archive = (digest: string) => ({
      archive_digest: digest.repeat(32),
      archive_size: '1.00 KB',
    })
    const tags = (target: RawConfig) => target.genomes?.g?.assets?.a?.tags
    const source: RawConfig = {
      genomes: {
        g: {
          assets: {
            a: {
              tags: {
                t: {
                  ...archive('1'),
                  release: '110',
                  published_at: 'made up',
                  withdrawn: { reason: 'x', at: 'y' },
                },
              },
            },
          },
        },
      },
    }
    const name = { genome: 'g', asset: 'a', tag: 't' }
    const target = (t: object): RawConfig => ({
      genomes: { g: { assets: { a: { tags: { t } } } } },
    })
    const again = target({ ...archive('1'), published_at: 'before' })
    recordPublished(again, source, { ...name, ...PUBLISHED })
    t.same(tags(again)?.t, { ...archive('1'), release: '110', published_at: 'before' })
    const old = target(archive('1'))
    recordPublished(old, source, { ...name, ...PUBLISHED })
    t.same(tags(old)?.t, { ...archive('1'), release: '110' }, 'nobody knows when it was published')
    const withdrawn = { reason: 'wrong', at: 'then' }
    const kept = target({
      ...archive('2'),
      legacy_archive_digest: '3',
      published_at: 'before',
      withdrawn,
    })
    recordPublished(kept, source, { ...name, now: NOW, keepsArchive: true })
    t.same(tags(kept)?.t, {
      ...archive('2'),
      legacy_archive_digest: '3',
      release: '110',
      published_at: 'before',
      withdrawn,
    })
    const nothing = target({})
    recordPublished(nothing, source, { ...name, now: NOW, keepsArchive: true })
    t.same(tags(nothing)?.t, { ...archive('1'), release: '110', published_at: NOW })
  },
)

t.test(
  'licence and origin follow the source on every level, and stay where it says nothing',
  async t => {
    const source: RawConfig = {
      genomes: {
        g: {
          licence: 'MIT',
          assets: { a: { license: 'CC0-1.0', tags: { t: { source: 'UCSC' } } } },
        },
      },
    }
    const target: RawConfig = {
      genomes: {
        g: {
          citation: 'by hand',
          assets: {
            a: {
              licence: 'old',
              tags: { t: { accession: 'GCA_1', withdrawn: { reason: 'r', at: 'a' } } },
            },
          },
        },
      },
    }
    const followed = structuredClone(target)
    followSource(followed, source)
    t.match(followed.genomes, {
      g: {
        licence: 'MIT',
        citation: 'by hand',
        assets: { a: { tags: { t: { source: 'UCSC', accession: 'GCA_1' } } } },
      },
    })
    const { licence, license } = followed.genomes?.g?.assets?.a ?? {}
    t.same({ licence, license }, { licence: undefined, license: 'CC0-1.0' }, 'one spelling is left')
    recordArchive(target, source, { ...ARCHIVED })
    t.match(target.genomes, {
      g: {
        licence: 'MIT',
        citation: 'by hand',
        assets: {
          a: {
            license: 'CC0-1.0',
            tags: { t: { source: 'UCSC', accession: 'GCA_1', withdrawn: { reason: 'r' } } },
          },
        },
      },
    })
  },
)
