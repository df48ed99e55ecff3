/** Headings of `refdepot --help`: who a command is for. */

/** The headings; a command registered behind `commandsGroup(heading)` stands under it. */
export const GROUPS = {
  client: 'Fetch and check:',
  archives: 'Archives:',
  server: 'Server:',
  access: 'Tokens and access:',
  stores: 'Publish and mirror:',
  datasets: 'Datasets:',
  settings: 'Settings and help:',
} as const
