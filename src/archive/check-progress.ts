/** How far the background check of an archive folder is. */

/** Archive files looked at, of all. */
export interface CheckProgress {
  readonly state: 'waiting' | 'running' | 'done'
  readonly checked: number
  readonly total: number
}
