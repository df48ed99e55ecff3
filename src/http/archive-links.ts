/** The `Link` header of archives: where what a download tool needs to check their parts is (RFC 8288, RFC 6249). */
import { isMd5 } from '../domain/digest.ts'
import { METALINK_TYPE } from '../domain/metalink.ts'
import type { Blob } from '../storage/blob.ts'
import { subjectOf } from './access/visible-folder.ts'
import type { AppSettings } from './app-settings.ts'

/** Path of what describes the archive with an md5. */
const descriptionPath = {
  metalink: (md5: string) => `/archives/${md5}.meta4`,
  parts: (md5: string) => `/archives/${md5}/parts`,
}

/**
 * What describes a blob; undefined for everything but archives as they are stored. The addresses name no host that a caller has given: answers are
 * given again to others.
 */
export function archiveLinks(settings: AppSettings, blob: Blob): string | undefined {
  const subject = subjectOf(blob)
  if (subject?.view !== 'stored' || !isMd5(subject.archive)) return undefined
  const base = settings.publicUrl?.replace(/\/+$/, '') ?? settings.basePath
  const link = (path: string, type: string) => `<${base}${path}>; rel="describedby"; type="${type}"`
  const metalink = link(descriptionPath.metalink(subject.archive), METALINK_TYPE)
  if (subject.parts !== true) return metalink
  return `${metalink}, ${link(descriptionPath.parts(subject.archive), 'application/json')}`
}
