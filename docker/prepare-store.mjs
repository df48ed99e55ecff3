// Makes the bucket of $REFDEPOT_STORE and lets one account read and another one publish: prepare-store.mjs READER WRITER
//
// For stores whose accounts are named in bucket policies, such as versitygw. At AWS the same two lists of rights are attached to roles:
// docs/deployment.md shows them.
import process from 'node:process'
import { setTimeout as wait } from 'node:timers/promises'
import { CreateBucketCommand, PutBucketPolicyCommand, S3Client } from '@aws-sdk/client-s3'

const ATTEMPTS = 30
const PAUSE_MS = 1000

/** What `serve` needs: reading what is published, and being told that something is absent instead of forbidden. */
export function readRights(bucket, prefix) {
  return [
    { Effect: 'Allow', Action: ['s3:GetObject'], Resource: [`arn:aws:s3:::${bucket}/${prefix}*`] },
    { Effect: 'Allow', Action: ['s3:ListBucket'], Resource: [`arn:aws:s3:::${bucket}`] },
  ]
}

/** What `push` and `rollback` need: nothing is ever removed. */
export function writeRights(bucket, prefix) {
  return [
    {
      Effect: 'Allow',
      Action: ['s3:GetObject', 's3:PutObject', 's3:ListMultipartUploadParts'],
      Resource: [`arn:aws:s3:::${bucket}/${prefix}*`],
    },
    {
      Effect: 'Allow',
      Action: ['s3:ListBucket', 's3:ListBucketMultipartUploads'],
      Resource: [`arn:aws:s3:::${bucket}`],
    },
  ]
}

async function prepare(place, reader, writer) {
  const [, bucket, prefix = ''] = /^s3:\/\/([^/]+)(?:\/(.*?))?\/*$/.exec(place ?? '') ?? []
  if (bucket === undefined || writer === undefined) {
    throw new Error('needs $REFDEPOT_STORE=s3://BUCKET/PREFIX, and two accounts: READER WRITER')
  }
  const client = new S3Client({
    region: process.env.AWS_REGION ?? 'us-east-1',
    endpoint: process.env.AWS_ENDPOINT_URL_S3,
    forcePathStyle: true,
  })
  await made(client, bucket)
  const below = prefix === '' ? '' : `${prefix}/`
  const grant = (account, rights) =>
    rights.map(right => ({ ...right, Principal: { AWS: [account] } }))
  const Statement = [
    ...grant(reader, readRights(bucket, below)),
    ...grant(writer, writeRights(bucket, below)),
  ]
  const Policy = JSON.stringify({ Version: '2012-10-17', Statement })
  await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }))
  process.stdout.write(`${bucket}: ${reader} may read, ${writer} may publish\n`)
}

/** The bucket is there afterwards; the store may still be starting. */
async function made(client, bucket) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await client.send(new CreateBucketCommand({ Bucket: bucket }))
      return
    } catch (error) {
      if (error.name === 'BucketAlreadyOwnedByYou') return
      // An answer is final; without one the store is not up yet.
      if (error.$metadata?.httpStatusCode !== undefined || attempt === ATTEMPTS) throw error
      await wait(PAUSE_MS)
    }
  }
}

const [reader, writer] = process.argv.slice(2)
if (import.meta.filename === process.argv[1]) {
  await prepare(process.env.REFDEPOT_STORE, reader, writer).catch(error => {
    process.stderr.write(`prepare-store: ${error.message}\n`)
    process.exitCode = 1
  })
}
