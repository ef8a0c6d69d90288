"""A proxy made of FastAPI and httpx on uvicorn; bodies streamed. Runs in the benchmark's own environment.

    python fastapi_proxy.py PORT UPSTREAM_PORT TOKENS BACKEND_AUTHORIZATION

TOKENS has a line for each partner: its Authorization, a space, its name.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.background import BackgroundTask

HOP_BY_HOP = frozenset({"host", "connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade"})
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def end_to_end(headers: httpx.Headers) -> dict[str, str]:
    """The headers that are forwarded."""
    return {name: value for name, value in headers.items() if name.lower() not in HOP_BY_HOP}


def application(upstream: str, tokens: dict[str, str], authorization: str) -> FastAPI:
    """Checks the token, rewrites Authorization, forwards."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    http = httpx.AsyncClient(base_url=upstream, limits=limits, timeout=30)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with http:
            yield

    front = FastAPI(lifespan=lifespan, openapi_url=None)

    @front.api_route("/{path:path}", methods=METHODS)
    async def forward(request: Request) -> Response:
        if request.headers.get("Authorization") not in tokens:
            return JSONResponse({"status_code": 2000}, status_code=401)
        headers = end_to_end(request.headers) | {"authorization": authorization}
        body = request.stream() if "content-length" in headers or "transfer-encoding" in request.headers else None
        asked = http.build_request(request.method, request.url.path, headers=headers, content=body)
        answer = await http.send(asked, stream=True)
        return StreamingResponse(
            answer.aiter_raw(),
            status_code=answer.status_code,
            headers=end_to_end(answer.headers),
            background=BackgroundTask(answer.aclose),
        )

    return front


def main(port: str, upstream_port: str, tokens: str, authorization: str) -> None:
    """Serve until SIGTERM."""
    known = dict(line.rsplit(" ", 1) for line in Path(tokens).read_text().splitlines())
    front = application(f"http://127.0.0.1:{upstream_port}", known, authorization)
    uvicorn.run(front, host="127.0.0.1", port=int(port), log_level="warning", access_log=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
