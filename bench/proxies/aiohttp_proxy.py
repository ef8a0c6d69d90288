"""A plain proxy as aiohttp's documentation suggests it: an application, a handler, one client session; bodies streamed.

    python aiohttp_proxy.py PORT UPSTREAM_PORT TOKENS BACKEND_AUTHORIZATION

TOKENS has a line for each partner: its Authorization, a space, its name.
"""

import sys
from pathlib import Path

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

HOP_BY_HOP = ("Host", "Connection", "Keep-Alive", "Transfer-Encoding", "TE", "Trailer", "Upgrade")


def end_to_end(headers: CIMultiDict[str]) -> CIMultiDict[str]:
    """The headers that are forwarded."""
    kept = CIMultiDict(headers)
    for name in HOP_BY_HOP:
        kept.popall(name, None)
    return kept


class Proxy:
    """Checks the token, rewrites Authorization, forwards."""

    def __init__(self, upstream: str, tokens: dict[str, str], authorization: str) -> None:
        self._upstream, self._tokens, self._authorization = upstream, tokens, authorization

    async def session(self, _: web.Application) -> object:
        """One client session for the application's whole life."""
        async with aiohttp.ClientSession(auto_decompress=False) as self._http:  # noqa: TID251 - what is measured
            yield

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        if request.headers.get("Authorization") not in self._tokens:
            return web.json_response({"status_code": 2000}, status=401)
        headers = end_to_end(request.headers)
        headers["Authorization"] = self._authorization
        url = self._upstream + request.raw_path
        body = request.content if request.can_read_body else None
        async with self._http.request(request.method, url, headers=headers, data=body) as answer:
            response = web.StreamResponse(status=answer.status, headers=end_to_end(answer.headers))
            await response.prepare(request)
            async for piece in answer.content.iter_any():
                await response.write(piece)
            await response.write_eof()
            return response


def main(port: str, upstream_port: str, tokens: str, authorization: str) -> None:
    """Serve until SIGTERM."""
    known = dict(line.rsplit(" ", 1) for line in Path(tokens).read_text().splitlines())
    proxy = Proxy(f"http://127.0.0.1:{upstream_port}", known, authorization)
    application = web.Application()
    application.cleanup_ctx.append(proxy.session)
    application.router.add_route("*", "/{path:.*}", proxy.handle)
    web.run_app(application, host="127.0.0.1", port=int(port), print=None)


if __name__ == "__main__":
    main(*sys.argv[1:])
