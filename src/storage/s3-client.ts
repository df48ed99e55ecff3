/**
 * The connection to an S3-compatible store, with what the SDK's own variables say: AWS_ENDPOINT_URL_S3, AWS_REGION, AWS_ACCESS_KEY_ID,
 * AWS_SECRET_ACCESS_KEY, AWS_PROFILE and the files of profiles.
 */
import { S3Client } from '@aws-sdk/client-s3'

type Environment = Readonly<Record<string, string | undefined>>

// What every store but AWS takes.
const DEFAULT_REGION = 'us-east-1'
const ATTEMPTS = 4
const CONNECT_MS = 5000
const IDLE_MS = 30_000

/**
 * Connects; nothing is sent before the first request.
 *
 * @param address - of the store, instead of the one in the environment
 */
export function connectS3(environment: Environment, address?: string): S3Client {
  // About versions of the SDK that are not installed: ours is pinned, and runs on the Node.js that we ask for.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'
  const endpoint = address ?? environment.AWS_ENDPOINT_URL_S3 ?? environment.AWS_ENDPOINT_URL
  const credentials = credentialsOf(environment)
  return new S3Client({
    region: environment.AWS_REGION ?? environment.AWS_DEFAULT_REGION ?? DEFAULT_REGION,
    maxAttempts: ATTEMPTS,
    // Names of buckets are names of hosts at AWS only.
    forcePathStyle: endpoint !== undefined,
    requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: IDLE_MS },
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials && { credentials }),
  })
}

/** Those of the environment, also under the names that vcpipe-refdata uses; undefined leaves it to the SDK (profiles, roles). */
function credentialsOf(environment: Environment) {
  const accessKeyId = environment.AWS_ACCESS_KEY_ID ?? environment.SPACES_KEY
  const secretAccessKey = environment.AWS_SECRET_ACCESS_KEY ?? environment.SPACES_SECRET
  if (accessKeyId === undefined || secretAccessKey === undefined) return undefined
  const sessionToken = environment.AWS_SESSION_TOKEN
  return { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) }
}
