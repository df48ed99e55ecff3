/** Answers of the refgenie APIs that several versions have alike, made once for what they are about. */
import type { Blob } from '../storage/blob.ts'
import { json, text } from './answers.ts'
import { genomesWith } from './refgenie-content.ts'
import type { RefgenieCall } from './refgenie-route.ts'

const NONE: Blob = json([])

/** First aliases of the genomes that have the asset of the path. */
export function genomesAnswer(call: RefgenieCall): Blob {
  const { catalogue, answers } = call.generation
  const asset = call.path('asset')
  // Only what is there is kept: callers can make up names without end.
  if (catalogue.genomesWith(asset).length === 0) return NONE
  return answers.of(catalogue, `by asset ${asset}`, () => json(genomesWith(catalogue, asset)))
}

/** The default tag of the asset of the path, as the version writes it; `default` for an unknown one, as the peer. */
export function defaultTagAnswer(call: RefgenieCall, version: 'v2' | 'v3'): Blob {
  const { catalogue, answers } = call.generation
  const [genome, name] = [call.path('genome'), call.path('asset')]
  const asset = catalogue.asset(genome, name)
  const form = version === 'v2' ? json : text
  const make = () => form(catalogue.defaultTag(genome, name))
  return asset === undefined ? make() : answers.of(asset, `${version} default tag`, make)
}
