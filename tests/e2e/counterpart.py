"""A partner's platform that is right in both roles and keeps its own truth: which tokens it made, and which it holds.

As Receiver it calls back before it accepts, and a token of its own dies only when it has reason to think so. As Sender
it accepts a token before it sends it, and repeats a request with the same token. It exists in two characters, because
the specification leaves room for both:

patient   a request whose answer may be lost can be repeated, until the token of that answer was used
strict    what was answered is done: TOKEN_A, and a token that was replaced, are refused at once
"""

import asyncio
import base64
import contextlib
import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from aiohttp import web

_PATIENCE_SECONDS = 10
_UNAUTHORIZED, _NOT_ALLOWED = 401, 405


class LostError(Exception):
    """No answer came."""


@dataclass(frozen=True)
class Arrival:
    """A request that changes something, as it arrived: by which token, with which token in it, of which attempt."""

    method: str
    presented: str
    given: str
    attempt: str


class Counterpart:
    """DE-<party>, an eMSP.

    Attributes:
        name: what the gateway calls it.
        invitation: the TOKEN_A that it issued; empty where it is dead.
        accepted: tokens of its own by which the gateway may call it.
        held: the token by which it calls the gateway; empty where it has none.
        retired: tokens that it held before.
        arrivals: every POST, PUT and DELETE of its credentials.
        calls: how many requests reached it.
    """

    def __init__(self, name, party, gateway_url, *, patient, chance):
        self.name, self.party, self.patient = name, party, patient
        self.gateway_url = gateway_url
        self.invitation = self.held = ""
        self.accepted, self.retired, self.arrivals, self.secrets = [], [], [], set()
        self.calls = 0
        self._chance = chance
        self._unanswered, self._sending = "", ""
        self._called = asyncio.Condition()

    @asynccontextmanager
    async def running(self):
        """Up while the block runs."""
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self.versions_url = f"{self.url}/versions"
        timeout = aiohttp.ClientTimeout(total=_PATIENCE_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as self._http:  # noqa: TID251 - the platform's own client
            yield self
        await runner.cleanup()

    async def called(self, times, *, within_seconds):
        """Wait until so many requests have reached it, but not for ever."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_seconds), self._called:
                await self._called.wait_for(lambda: self.calls >= times)

    # As Sender: it calls the gateway.

    async def register(self, invitation_token):
        """POST with the TOKEN_A that the gateway issued; gives `(HTTP status, OCPI status)`."""
        return await self._present("POST", invitation_token)

    async def rotate(self):
        """PUT with the token that it holds."""
        return await self._present("PUT", self.held)

    async def unregister(self):
        """DELETE with the token that it holds; it forgets everything when that is known to have arrived."""
        http_status, envelope = await self.call("DELETE", "2.2.1/credentials", self.held)
        if http_status == _UNAUTHORIZED or envelope["status_code"] == 1000:
            self._hold("")
            self.accepted.clear()
        return http_status, envelope["status_code"]

    async def call(self, method, path, token, document=None):
        """Call the gateway; gives `(HTTP status, envelope)`.

        Raises:
            LostError: no answer came.
        """
        try:
            async with self._http.request(
                method, f"{self.gateway_url}/ocpi/{path}", headers=_authorized(token), json=document
            ) as answer:
                return answer.status, await answer.json()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise LostError(repr(error)) from error

    async def _present(self, method, token):
        self._sending = self._sending or self._make("b")
        if self._sending not in self.accepted:
            self.accepted.append(self._sending)
        document = self._credentials(self._sending)
        http_status, envelope = await self.call(method, "2.2.1/credentials", token, document)
        if envelope["status_code"] == 1000:
            self._hold(envelope["data"]["token"])
            self.accepted[:] = [self._sending]
            self._sending = ""
        return http_status, envelope["status_code"]

    # As Receiver: the gateway calls it.

    def invite(self):
        """Issue a TOKEN_A."""
        self.invitation = self._make("a")
        return self.invitation

    async def _answer(self, request):
        async with self._called:
            self.calls += 1
            self._called.notify_all()
        await self._take_time()
        token, path = _presented(request), request.path.rstrip("/")
        if path == "/credentials" and request.method != "GET":
            return await self._change(request, token)
        spent = token == self.invitation and self._unanswered
        if not token or spent or token not in (*self.accepted, self.invitation):
            return _refusal(_UNAUTHORIZED)
        self._used(token)
        match path:
            case "/versions":
                return _envelope([{"version": "2.2.1", "url": f"{self.url}/2.2.1"}])
            case "/2.2.1":
                return _envelope({"version": "2.2.1", "endpoints": self._endpoints()})
            case "/credentials":
                return _envelope(self._credentials(token))
        return _envelope([]) if token in self.accepted else _refusal(_UNAUTHORIZED)

    async def _change(self, request, token):
        try:
            document = await request.json() if request.can_read_body else {}
        except ConnectionError:  # whoever sent it died half-way
            return _refusal(400)
        given = document.get("token", "")
        self.arrivals.append(Arrival(request.method, token, given, request.headers.get("X-Correlation-ID", "")))
        if request.method == "POST" and token in self.accepted:
            return _refusal(_NOT_ALLOWED)
        if not token or token not in ([self.invitation] if request.method == "POST" else self.accepted):
            return _refusal(_UNAUTHORIZED)
        if request.method == "DELETE":
            self._hold("")
            self.accepted.clear()
            return _envelope(None)
        if not await self._calls_back(document):
            return _envelope(None, status_code=3001)
        await self._take_time()
        answer = self._credentials(self._accept(request.method, token, given))
        await self._take_time()
        return _envelope(answer)

    def _accept(self, method, token, given):
        """The commit: its token for the gateway and the gateway's token for it change places with those before."""
        self._hold(given)
        self._sending = ""
        made = self._make("c")
        kept = self.accepted if self.patient and method == "PUT" else []
        self.accepted = [*kept, made]
        self._unanswered = made if method == "POST" and self.patient else ""
        if method == "POST" and not self.patient:
            self.invitation = ""
        return made

    async def _calls_back(self, document):
        """Whether the gateway's front can be used with the token that it sent."""
        try:
            for path in ("versions", "2.2.1"):
                http_status, envelope = await self.call("GET", path, document["token"])
                if http_status != 200 or envelope["status_code"] != 1000:
                    return False
        except LostError:
            return False
        return True

    def _used(self, token):
        """The newest token was used: those before it, and the TOKEN_A that led to it, are dead."""
        if self._sending or token != (self.accepted or [""])[-1]:
            return
        self.accepted = [token]
        if token == self._unanswered:
            self._unanswered = self.invitation = ""

    def _hold(self, token):
        if self.held and self.held != token:
            self.retired.append(self.held)
        self.held = token
        self.secrets.add(token)

    def _make(self, kind):
        made = f"{self.name}-{kind}-{secrets.token_urlsafe(24)}"
        self.secrets.add(made)
        return made

    async def _take_time(self):
        await asyncio.sleep(self._chance.choice((0, 0, 0.002, 0.01)))

    def _credentials(self, token):
        role = {"role": "EMSP", "country_code": "DE", "party_id": self.party, "business_details": {"name": self.name}}
        return {"token": token, "url": self.versions_url, "roles": [role]}

    def _endpoints(self):
        modules = (("credentials", "SENDER"), ("tokens", "SENDER"), ("cdrs", "RECEIVER"))
        return [{"identifier": name, "role": role, "url": f"{self.url}/{name}"} for name, role in modules]


def _authorized(token):
    return {"Authorization": f"Token {base64.b64encode(token.encode()).decode()}"}


def _presented(request):
    """The token of a request; empty where there is none."""
    word = request.headers.get("Authorization", "").removeprefix("Token ")
    try:
        return base64.b64decode(word, validate=True).decode()
    except ValueError:
        return ""


def _envelope(data, *, status_code=1000):
    return web.json_response({"status_code": status_code, "timestamp": "2026-01-01T00:00:00Z", "data": data})


def _refusal(http_status):
    document = {"status_code": 2000, "timestamp": "2026-01-01T00:00:00Z"}
    return web.json_response(document, status=http_status)
