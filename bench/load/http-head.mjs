// Heads of HTTP/1.1 requests and answers, as far as the clients of the benchmark need them.

/** The request that wrk sends too, so that both get the same head back. */
export function requestText(port, path, headers = {}) {
  const fields = Object.entries({ Host: `127.0.0.1:${port}`, ...headers })
  return `GET ${path} HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
}

/** Status and fields of the text before the empty line. */
export function parseHead(text) {
  const [first, ...lines] = text.split('\r\n')
  const fields = Object.fromEntries(
    lines.map(line => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
    }),
  )
  return {
    status: Number(first.split(' ')[1]),
    length: fields['content-length'] === undefined ? undefined : Number(fields['content-length']),
    range: fields['content-range'],
  }
}
