/** Addresses under which a store gives its objects to clients itself, so that bytes need not pass through a server. */

/** What a client shall see of an object. */
export interface LinkOptions {
  /** Name for `Content-Disposition: attachment`. */
  readonly filename: string
  readonly mediaType: string
  /** How long the address shall work. */
  readonly seconds: number
}

/** Makes addresses of objects. */
export interface StoreLinks {
  /** The address of an object; whether it is there was found out before. Throws StorageFailed, OutsideRoot. */
  linkTo(key: string, options: LinkOptions): Promise<string>
}

/**
 * Addresses in a folder that a web server or the store makes public: they need no signature, and never end.
 *
 * @param base - URL of the folder of the store
 */
export function publicLinks(base: string): StoreLinks {
  const folder = base.replace(/\/+$/, '')
  return { linkTo: async key => `${folder}/${key.split('/').map(encodeURIComponent).join('/')}` }
}
