/** What to change, with the lines for the software that serves. */

/** Advice for a fault; the snippets are for whoever runs the server. */
export interface Fix {
  readonly advice: string
  /** Lines of a `server` or `location` block. */
  readonly nginx?: string
  /** Rule of a bucket, or a command for it. */
  readonly s3?: string
  /** Setting or command of refdepot. */
  readonly refdepot?: string
}

const CORS_NGINX = `add_header Access-Control-Allow-Origin * always;
add_header Access-Control-Expose-Headers "Accept-Ranges, Content-Length, Content-Range, ETag" always;
if ($request_method = OPTIONS) {
  add_header Access-Control-Allow-Origin * always;
  add_header Access-Control-Allow-Methods "GET, HEAD, OPTIONS" always;
  add_header Access-Control-Allow-Headers "Range, Authorization, If-Range" always;
  add_header Access-Control-Max-Age 86400 always;
  return 204;
}`
const CORS_S3 = `aws s3api put-bucket-cors --bucket BUCKET --cors-configuration '{"CORSRules":[{"AllowedOrigins":["*"],
  "AllowedMethods":["GET","HEAD"],"AllowedHeaders":["*"],"ExposeHeaders":["Accept-Ranges","Content-Length","Content-Range","ETag"],"MaxAgeSeconds":86400}]}'`
const CORS_REFDEPOT = 'refdepot sends CORS headers itself: let the proxy before it pass them on'

/** The fixes, by what is wrong. */
export const FIXES = {
  name: { advice: 'check the address; ask the DNS of the site for the name' },
  connect: {
    advice:
      'start the server, open the port in the firewall, or set $HTTPS_PROXY if only a proxy gets out',
    refdepot: 'refdepot serve -c genome_config.yaml --host 0.0.0.0 -p 8080',
  },
  proxy: {
    advice: 'check $HTTPS_PROXY and $HTTP_PROXY, or name the host in $NO_PROXY to go around them',
  },
  via: {
    advice: 'a proxy stands in the way; let it pass Range and If-Range on and change no answers',
    nginx: 'proxy_http_version 1.1;\nproxy_set_header Range $http_range;\nproxy_force_ranges off;',
  },
  failing: { advice: 'look into the log of the server: it fails at this address' },
  noTls: { advice: 'use http://, or the port that speaks TLS', nginx: 'listen 443 ssl;' },
  trust: {
    advice:
      'serve the whole chain of certificates; with an authority of your own give --ca-file, or set $SSL_CERT_FILE',
    nginx: 'ssl_certificate fullchain.pem;  # the certificate of the host, then those in between',
  },
  expiry: {
    advice: 'renew the certificate',
    nginx: 'ssl_certificate fullchain.pem;  # then: nginx -s reload',
  },
  clock: {
    advice:
      'set the clock of the server or of this machine (NTP): links and tokens end at the wrong time, and caches keep too long',
    nginx: 'timedatectl set-ntp true',
  },
  date: { advice: 'let answers carry Date (RFC 9110 §6.6.1); caches need it' },
  nothing: {
    advice: 'give the address of a refdepot, of a refgenieserver, or of one file that is served',
  },
  empty: {
    advice: 'archive an asset, or ask with a token that may see one (--token-file)',
    refdepot: 'refdepot archive create -c genome_config.yaml',
  },
  token: {
    advice: 'give a token that is not expired and not revoked (--token-file, $REFDEPOT_TOKEN)',
    refdepot: 'refdepot token create --name NAME --scope read:GENOME/ASSET -c genome_config.yaml',
  },
  missing: { advice: 'check the path of the file' },
  html: {
    advice:
      'the address answers a page for people (a login, an error, a start page), not the file: correct the path, or take the rule away that rewrites it',
    nginx: 'location /data/ { try_files $uri =404; }  # no fallback to index.html',
  },
  notGzip: {
    advice: 'the archive is not gzip: it was unpacked on the way, or is damaged on the disk',
    nginx: 'gunzip off;',
    refdepot: 'refdepot archive verify -c genome_config.yaml',
  },
  damaged: {
    advice: 'the bytes are not those the server tells the digest of: make the archive again',
    refdepot: 'refdepot archive verify -c genome_config.yaml --deep',
  },
  length: {
    advice:
      'send Content-Length for files: clients cannot tell a short file otherwise, and the stock refgenie client ends with an error',
    nginx: 'gzip off;\nproxy_buffering off;\nchunked_transfer_encoding off;',
  },
  encoding: {
    advice:
      'do not compress archives and .gz/.bgz/.bam files on the way: clients unpack them twice or compare wrong bytes',
    nginx: "gzip off;\nproxy_set_header Accept-Encoding '';",
    s3: 'aws s3 cp s3://BUCKET/KEY s3://BUCKET/KEY --metadata-directive REPLACE --content-type application/octet-stream  # without --content-encoding',
  },
  head: {
    advice: 'answer HEAD as GET, without the body: aria2, rclone and browsers ask it first',
    nginx:
      'proxy_method GET;  # only where the server behind knows no HEAD\nproxy_cache_convert_head on;',
    refdepot: 'refdepot serve -c genome_config.yaml  # serves the same folder and answers HEAD',
  },
  etag: {
    advice:
      'send a strong ETag: without one a download that goes on later may join the halves of two different files',
    nginx: 'etag on;\ngzip off;  # gzip makes ETags weak',
    refdepot: 'refdepot serve -c genome_config.yaml  # its ETag is the digest of the archive',
  },
  changingEtag: {
    advice:
      'let every answer and every replica carry the same ETag for the same bytes, best their digest',
    nginx: 'etag on;  # and equal modification times on all replicas (rsync -t)',
  },
  digest: {
    advice: 'tell the digest of the bytes, so that whoever downloads can compare',
    refdepot: 'refdepot serve -c genome_config.yaml  # sends Repr-Digest and checksums',
  },
  range: {
    advice:
      'honour Range: clients read parts of files, go on with downloads, and load with several connections',
    nginx:
      'max_ranges 1;\nproxy_set_header Range $http_range;\nproxy_set_header If-Range $http_if_range;',
    s3: 'buckets honour Range themselves: look at the CDN or proxy before them',
  },
  rangeEnd: {
    advice:
      'a range that ends behind the file is clipped, not refused (RFC 9110 §14.1.2): browsers ask so for the last block',
  },
  rangeBeyond: {
    advice:
      'a range that begins behind the file is answered 416 with `Content-Range: bytes */SIZE`',
  },
  ifRange: {
    advice:
      'with If-Range answer the part only while the file is the one the client has begun (RFC 9110 §13.1.5)',
    nginx: 'proxy_set_header If-Range $http_if_range;',
  },
  cors: {
    advice:
      'allow pages of other origins to read (CORS): igv.js, JBrowse and web applications need it',
    nginx: CORS_NGINX,
    s3: CORS_S3,
    refdepot: CORS_REFDEPOT,
  },
  expose: {
    advice:
      'name Content-Range, ETag and Accept-Ranges in Access-Control-Expose-Headers: browsers hide them otherwise',
    nginx:
      'add_header Access-Control-Expose-Headers "Accept-Ranges, Content-Length, Content-Range, ETag" always;',
    s3: CORS_S3,
    refdepot: CORS_REFDEPOT,
  },
  preflight: {
    advice:
      'answer OPTIONS with the headers that may be sent: browsers ask it before a request with Range or Authorization',
    nginx: CORS_NGINX,
    s3: CORS_S3,
    refdepot: CORS_REFDEPOT,
  },
  corsError: {
    advice:
      'send CORS headers with errors too: a page sees "network error" instead of 404 otherwise',
    nginx: 'add_header Access-Control-Allow-Origin * always;  # `always` covers errors',
    refdepot: CORS_REFDEPOT,
  },
  downgrade: {
    advice: 'redirect to https only: clients refuse to go from https to http',
    nginx: 'proxy_set_header X-Forwarded-Proto $scheme;',
    refdepot: 'refdepot serve --public-url https://HOST  # behind a proxy that ends TLS',
  },
  redirect: {
    advice:
      'what is redirected to must answer without the credentials of this server: clients send those nowhere else',
    refdepot: 'refdepot serve --serve-from server  # sends the bytes itself',
  },
  api: {
    advice:
      'serve the API of refgenieserver: the client finds the routes by their names in /openapi.json',
    refdepot: 'refdepot serve -c genome_config.yaml',
  },
  files: {
    advice:
      'this server has no address of a single FASTA file: it serves archives only. Give the address of a file, or serve the folder with refdepot',
    refdepot:
      'refdepot archive create -c genome_config.yaml && refdepot serve -c genome_config.yaml',
  },
  index: {
    advice: 'put the index beside the file',
    nginx: 'samtools faidx FILE  # writes FILE.fai, and FILE.gzi for block gzip',
  },
  stockToken: {
    advice:
      'the stock refgenie client sends no token; give it one in .netrc, or use `refdepot pull --token-file`',
  },
} as const satisfies Readonly<Record<string, Fix>>
