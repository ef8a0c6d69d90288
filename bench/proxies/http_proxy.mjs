// Node's http-proxy with a keep-alive agent: node http_proxy.mjs PORT UPSTREAM_PORT TOKENS BACKEND_AUTHORIZATION
import { Agent, createServer } from 'node:http'
import httpProxy from 'http-proxy'
import { readTokens, refuse } from './common.mjs'

const [port, upstreamPort, tokensFile, authorization] = process.argv.slice(2)
const tokens = readTokens(tokensFile)
const agent = new Agent({ keepAlive: true, maxSockets: 128 })
const proxy = httpProxy.createProxyServer({ target: `http://127.0.0.1:${upstreamPort}`, agent })
proxy.on('error', (error, _, response) => {
  console.error(error)
  response.destroy()
})

const server = createServer((request, response) => {
  if (!tokens.has(request.headers.authorization)) return refuse(response)
  request.headers.authorization = authorization
  proxy.web(request, response)
})
server.keepAliveTimeout = 75000
server.listen(Number(port), '127.0.0.1')
