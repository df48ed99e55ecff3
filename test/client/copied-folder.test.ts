/** A genome folder that was copied: its config may name the place that it was copied from. */
import { join } from 'node:path'
import t from 'tap'
import { openTarget } from '../../src/client/open-target.ts'

t.test('-o does not write where the config of the folder points to', async t => {
  const top = t.testdir({
    first: {},
    copy: { 'genome_config.yaml': '' },
    own: { 'genome_config.yaml': 'config_version: 0.4\ngenome_folder: .\n' },
  })
  const { writeFile } = await import('node:fs/promises')
  const config = join(top, 'copy', 'genome_config.yaml')
  await writeFile(config, `config_version: 0.4\ngenome_folder: ${join(top, 'first')}\n`)
  const opened = openTarget({ folder: join(top, 'copy'), layout: 'refgenie' })
  await t.rejects(opened, { code: 'pull-refused', message: /genome_folder there, or give -c/ })
  await openTarget({ config })
  await openTarget({ folder: join(top, 'own'), layout: 'refgenie' })
  await openTarget({ folder: join(top, 'new'), layout: 'refgenie' })
})
