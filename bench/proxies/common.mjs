// What both Node proxies share.
import { readFileSync } from 'node:fs'

const hopByHop = new Set(['host', 'connection', 'keep-alive', 'transfer-encoding', 'te', 'trailer', 'upgrade'])

/** The headers that are forwarded. */
export function endToEnd(headers) {
  const kept = {}
  for (const name in headers) if (!hopByHop.has(name)) kept[name] = headers[name]
  return kept
}

/** The known Authorization values and their partners. */
export function readTokens(file) {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), line.slice(line.lastIndexOf(' ') + 1)]))
}

/** 401. */
export function refuse(response) {
  const body = '{"status_code": 2000}'
  response.writeHead(401, { 'Content-Type': 'application/json', 'Content-Length': body.length })
  response.end(body)
}
