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

t.test('a published tag is taken over with its genome and asset; others stay', async t => {
  const source: RawConfig = {
    genomes: {
      g: {
        aliases: ['x'],
        access: 'controlled',
        assets: { a: { default_tag: 't', tags: { t: { asset_path: 'a' }, u: {} } } },
      },
    },
  }
  const target: RawConfig = {
    genomes: { g: { study: 'S', assets: { a: { tags: { old: {} } }, b: {} } } },
  }
  recordPublished(target, source, { genome: 'g', asset: 'a', tag: 't' })
  const wanted = {
    g: {
      study: 'S',
      aliases: ['x'],
      access: 'controlled',
      assets: { a: { default_tag: 't', tags: { old: {}, t: { asset_path: 'a' } } }, b: {} },
    },
  }
  t.same(target.genomes, wanted)
  recordPublished(target, source, { genome: 'g', asset: 'a', tag: 'gone' })
  t.same(target.genomes, wanted)
})
