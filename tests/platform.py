"""A small OCPI platform in the test's own process: a partner whose every answer can be bent."""

import base64
import json

import aiohttp
from aiohttp import web


class Platform:
    """An eMSP, DE-ABC, with just enough of a front for the gateway's call-backs, and a client.

    Attributes:
        url: where its front is; `versions_url` is what it calls its versions endpoint.
        token_a, token_b, token_c: the tokens of the handshake, as far as it came.
        requests: what reached its front: `(method, path, Authorization)`.
        answers: by path, what is answered instead of the usual: `(HTTP status, document or bytes, headers)`.
        refused: Authorization values that its front answers 401.
        hold: kept waiting at its version details until released.
        results: what came to `/results/...`, its `response_url`s.
        posted: credentials objects that were posted or put to it.
    """

    def __init__(self):
        self.url = ""
        self.versions_path = "/versions"
        self.token_a = self.token_c = ""
        self.token_b = "token-b-of-the-platform"
        self.roles = [
            {"role": "EMSP", "country_code": "DE", "party_id": "ABC", "business_details": {"name": "Example Mobility"}}
        ]
        self.endpoints = {"tokens": "SENDER", "cdrs": "RECEIVER", "commands": "SENDER"}
        self.requests = []
        self.answers = {}
        self.refused = set()
        self.hold = None
        self.results = []
        self.posted = []

    async def __aenter__(self):
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.http = aiohttp.ClientSession()  # noqa: TID251 - the platform's own client
        return self

    async def __aexit__(self, *failure):
        await self.http.close()
        await self._runner.cleanup()

    @property
    def versions_url(self):
        return self.url + self.versions_path

    @property
    def credentials(self):
        """The credentials object that it presents."""
        return {"token": self.token_b, "url": self.versions_url, "roles": self.roles}

    @property
    def details(self):
        """Its version details."""
        endpoints = [{"identifier": "credentials", "role": "SENDER", "url": f"{self.url}/credentials"}]
        endpoints += [
            {"identifier": module, "role": role, "url": f"{self.url}/{module}"}
            for module, role in self.endpoints.items()
        ]
        return {"version": "2.2.1", "endpoints": endpoints}

    async def call(self, method, url, *, token=None, header=None, document=None, body=None, headers=None):
        """Call as a partner does; gives `(HTTP status, envelope, headers)`. `token` defaults to TOKEN_C."""
        sent = dict(headers or {})
        presented = header if header is not None else token_header(token if token is not None else self.token_c)
        if presented:
            sent["Authorization"] = presented
        if document is not None:
            body = json.dumps(document).encode()
        async with self.http.request(method, url, headers=sent, data=body, allow_redirects=False) as answer:
            text = await answer.read()
            return answer.status, json.loads(text) if text else None, answer.headers

    async def register(self, public_url, *, token_a, method="POST", version="2.2.1", document=None):
        """Steps 3 to 5: gives `(HTTP status, envelope)`, and keeps TOKEN_C if there is one."""
        http_status, envelope, _ = await self.call(
            method, f"{public_url}/ocpi/{version}/credentials", token=token_a, document=document or self.credentials
        )
        if envelope["status_code"] == 1000:
            self.token_c = envelope["data"]["token"]
        return http_status, envelope

    async def _answer(self, request):
        self.requests.append((request.method, request.path, request.headers.get("Authorization")))
        if request.path in self.answers:
            http_status, document, headers = self.answers[request.path]
            body = document if isinstance(document, bytes) else json.dumps(document).encode()
            return web.Response(status=http_status, body=body, headers=headers, content_type="application/json")
        if request.headers.get("Authorization") in self.refused:
            return web.json_response({"status_code": 2000, "timestamp": "2026-01-01T00:00:00Z"}, status=401)
        return await self._usual(request)

    async def _usual(self, request):
        match request.method, request.path.rstrip("/"):
            case "GET", "/versions":
                return envelope([{"version": "2.2.1", "url": f"{self.url}/2.2.1"}])
            case "GET", "/2.2.1":
                if self.hold is not None:
                    await self.hold.wait()
                return envelope(self.details)
            case (("POST" | "PUT"), "/credentials"):
                self.posted.append(await request.json())
                return envelope({**self.credentials, "token": f"token-c{len(self.posted)}-of-the-platform"})
            case "DELETE", "/credentials":
                return envelope(None)
            case "POST", path if path.startswith("/results/"):
                self.results.append(await request.json())
                return envelope(None)
        return web.json_response({"status_code": 2000, "timestamp": "2026-01-01T00:00:00Z"}, status=404)


def envelope(data, *, status_code=1000):
    """An OCPI answer."""
    return web.json_response({"status_code": status_code, "timestamp": "2026-01-01T00:00:00Z", "data": data})


def ocpi(data, *, status_code=1000):
    """An OCPI answer as a document, for `Platform.answers`."""
    return {"status_code": status_code, "timestamp": "2026-01-01T00:00:00Z", "data": data}


def token_header(credentials_token):
    """The Authorization header of a token as OCPI 2.2.1 writes it."""
    return f"Token {base64.b64encode(credentials_token.encode()).decode()}"
