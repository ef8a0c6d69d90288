// A proxy made of Node's server and undici's pool: node undici_proxy.mjs PORT UPSTREAM_PORT TOKENS BACKEND_AUTHORIZATION
import { createServer } from 'node:http'
import { Pool } from 'undici'
import { endToEnd, readTokens, refuse } from './common.mjs'

const [port, upstreamPort, tokensFile, authorization] = process.argv.slice(2)
const tokens = readTokens(tokensFile)
const pool = new Pool(`http://127.0.0.1:${upstreamPort}`, { connections: 128 })

const server = createServer((request, response) => {
  if (!tokens.has(request.headers.authorization)) return refuse(response)
  const headers = endToEnd(request.headers)
  headers.authorization = authorization
  const hasBody = 'content-length' in request.headers || 'transfer-encoding' in request.headers
  const asked = { path: request.url, method: request.method, headers, body: hasBody ? request : null }
  pool
    .stream(asked, ({ statusCode, headers: answered }) => {
      response.writeHead(statusCode, endToEnd(answered))
      return response
    })
    .catch((error) => {
      console.error(error)
      response.destroy()
    })
})
server.keepAliveTimeout = 75000
server.listen(Number(port), '127.0.0.1')
