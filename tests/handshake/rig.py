"""A gateway without sockets: its services on a real database, called and calling as through its listeners.

`Gateway.serve` does with a request what the public listener does with it; what the gateway sends itself goes to
`reach`, which is a scripted `Platform`, or another `Gateway.serve`.
"""

import base64
import json
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from gateway.handshake.inspector import Inspector
from gateway.handshake.operations import Operations
from gateway.handshake.registrar import Registrar
from gateway.handshake.responder import Responder
from gateway.ocpi.admission import Admission, Area
from gateway.ocpi.envelope import Answer
from gateway.ocpi.flow import Fetch, FetchCause, FetchFailedError, Reply
from gateway.ocpi.partner import CredentialsRole
from gateway.ocpi.party import Party
from gateway.ocpi.refusal import RefusedError
from gateway.ocpi.registration import Front
from gateway.ocpi.vocabulary import InterfaceRole
from gateway.store.directory import Directory
from gateway.store.engine import StoreUnavailableError
from gateway.store.gatekeeper import Gatekeeper, Refusal, UnauthenticatedError
from gateway.store.inbound import Lifetimes
from tests.ocpi import dialogue
from tests.ocpi.dialogue import CREDENTIALS_URL, DETAILS_URL, VERSIONS_URL, details, endpoint, envelope, versions
from tests.store.books import Books

AREAS = {"GET": Area.DISCOVERY, "POST": Area.REGISTRATION, "PUT": Area.CREDENTIALS, "DELETE": Area.CREDENTIALS}


@dataclass
class Platform:
    """A partner's platform that answers as scripted: by method and URL with a reply, an error, or a function.

    Attributes:
        requests: all that was sent to it.
    """

    answers: dict = field(default_factory=dict)
    requests: list = field(default_factory=list)

    @classmethod
    def usual(cls, *, credentials=None):
        """One that is up: versions, details, and these credentials in answer to POST and PUT."""
        answer = reply(envelope(credentials or dialogue.credentials()))
        return cls(
            {
                ("GET", VERSIONS_URL): reply(versions({"2.2": f"{DETAILS_URL}-old", "2.2.1": DETAILS_URL})),
                ("GET", DETAILS_URL): reply(details(endpoint("credentials"), endpoint("tokens", "SENDER"))),
                ("GET", f"{DETAILS_URL}-old"): reply(details(endpoint("credentials"), version="2.2")),
                ("POST", CREDENTIALS_URL): answer,
                ("PUT", CREDENTIALS_URL): answer,
                ("DELETE", CREDENTIALS_URL): reply(envelope()),
            }
        )

    async def serve(self, request):
        self.requests.append(request)
        answer = self.answers[request.method, request.url]
        if callable(answer):
            answer = await answer(request)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def sent(self, method):
        return [request for request in self.requests if request.method == method]

    def tokens_given(self, method):
        """The tokens of ours that it was given in POSTs or PUTs."""
        return [json.loads(request.body)["token"] for request in self.sent(method)]


@dataclass
class Known:
    """What every process of one gateway saw and said: all tokens, and the texts of all errors."""

    tokens: set = field(default_factory=set)
    told: list = field(default_factory=list)

    def note(self, message):
        """Keep the tokens of a request or an answer."""
        if "Authorization" in message.headers:
            self.tokens.add(token_of(message))
        with suppress(ValueError, TypeError, KeyError):
            read = json.loads(message.body)
            self.tokens.add((read.get("data") or read)["token"])


class Gateway:
    """One process of a gateway.

    Attributes:
        outcomes: what was told of handshakes: role, outcome, partner.
        progress: what a terminal would show.
        loses_answers: do what is asked, then lose the connection before the answer was written; an exception says how.
        lost_answers: what was lost so.
        known: what all processes of this gateway have in common.
    """

    def __init__(self, store, vault, clock, *, reach, host="ocpi.example.com", us="NL-EXA:CPO", known=None, **options):
        self.known = known or Known()
        self.store, self.vault, self.clock, self.reach = store, vault, clock, reach
        self.host, self.us, self.options = host, us, options
        self.url = f"https://{host}"
        self.versions_url = f"{self.url}/ocpi/versions"
        self.credentials_url = f"{self.url}/ocpi/2.2.1/credentials"
        self.outcomes, self.progress, self.steps, self.loses_answers, self.lost_answers = [], [], [], False, []
        self.registrar = Registrar(
            store=store,
            vault=vault,
            clock=clock,
            front=Front(
                self.versions_url,
                (CredentialsRole(us[7:], Party.parse(us[:6]), {"name": host}),),
                options.get("versions", ("2.2.1", "2.2")),
                options.get("required_modules", ()),
            ),
            fetcher=lambda _name: self._fetch,
            lifetimes=Lifetimes(),
            on_outcome=self._ended,
            allowed_hosts=options.get("allowed_hosts", {}),
            token_form_of=lambda _name: options.get("token_form"),
            save_again_after_seconds=(0, 0),
        )
        self.responder = Responder(
            self.registrar,
            public_url=self.url,
            modules=(("locations", InterfaceRole.SENDER), ("tokens", InterfaceRole.RECEIVER)),
            answer_http_status=lambda _name: options.get("answer_http_status", 200),
            on_step=lambda _partner, step, outcome: self.steps.append((step, outcome)),
        )
        self.operations = Operations(self.registrar, actor="cli")
        self.inspector = Inspector(self.registrar, actor="gateway")
        self.directory = Directory(store, vault)
        self.gatekeeper = Gatekeeper(
            store, vault, self.directory, clock=clock, looks_per_second=1000, tombstone=timedelta(hours=24)
        )
        self.books = Books(store, vault, clock)

    def restarted(self):
        """The next process on the same database."""
        same = {"reach": self.reach, "host": self.host, "us": self.us, "known": self.known, **self.options}
        return type(self)(self.store, self.vault, self.clock, **same)

    async def register(self, name, invitation_token, versions_url=VERSIONS_URL):
        return await self.operations.register(
            name, versions_url=versions_url, invitation_token=invitation_token, progress=self._show
        )

    async def resume(self, name):
        return await self.operations.resume_registration(name, progress=self._show)

    async def rotate(self, name):
        return await self.operations.rotate(name, progress=self._show)

    async def unregister(self, name, *, force=False):
        return await self.operations.unregister(name, force=force, progress=self._show)

    async def partner(self, name):
        return (await self.operations.partner(name)).partner

    async def asks(self, method, path, token, body=None):
        """What a partner gets for a request with this token."""
        content = json.dumps(body).encode() if isinstance(body, dict | list) else body
        return await self.serve(request_of(method, f"{self.url}{path}", token, content))

    async def presents(self, method, token, body=None, version="2.2.1"):
        """What a partner gets from our credentials module."""
        return await self.asks(method, f"/ocpi/{version}/credentials", token, body)

    async def opens(self, token):
        """Whether a token opens functional modules."""
        return (await self.asks("GET", "/ocpi/2.2.1/sender/locations", token)).http_status == 200

    async def serve(self, request):
        """Answer as the public listener does."""
        self.known.note(request)
        answer = await self._refused_or_answered(request)
        self.known.note(answer)
        return answer

    async def _refused_or_answered(self, request):
        path = request.url.removeprefix(self.url)
        try:
            return await self._answer(request, path)
        except UnauthenticatedError:
            if request.method == "DELETE" and await self._was_unregistered(request):
                return self._reply(Answer.success())
            return reply(envelope(status_code=2000, status_message="refused"), 401)
        except RefusedError as error:
            return self._reply(error.answer)
        except StoreUnavailableError:
            return reply(envelope(status_code=3000, status_message="try again later"), 503)

    async def _answer(self, request, path):
        if not path.endswith("/credentials"):
            area = Area.FUNCTIONAL if path.count("/") > 2 else Area.DISCOVERY
            await self._admit(request, area)
            if area is Area.FUNCTIONAL:
                return reply(envelope([]))
            version = path.removeprefix("/ocpi/")
            answer = self.responder.versions() if version == "versions" else self.responder.version_details(version)
            return self._reply(answer)
        holder = await self._admit(request, AREAS[request.method])
        version, body = path.split("/")[2], request.body or b""
        match request.method:
            case "GET":
                return self._reply(self.responder.credentials(token_of(request)))
            case "POST":
                answer = self._reply(await self.responder.post(holder, version, body))
            case "PUT":
                answer = self._reply(await self.responder.put(holder, version, body))
            case "DELETE":
                answer = self._reply(await self.responder.delete(holder))
        with suppress(StoreUnavailableError):
            await self.directory.refresh()
        if self.loses_answers:
            self.lost_answers.append(answer)
            raise lost() if self.loses_answers is True else self.loses_answers
        if request.method == "POST":
            self.directory.forget_token(holder.token)
            with suppress(StoreUnavailableError):
                await self.responder.delivered(holder)
        return answer

    async def _was_unregistered(self, request):
        with suppress(StoreUnavailableError):
            return await self.gatekeeper.was_unregistered(request.headers.get("Authorization"))
        return False

    async def _admit(self, request, area):
        holder, admission = await self.gatekeeper.admit(request.headers.get("Authorization"), area)
        if admission is not Admission.PROVES:
            return holder
        try:
            await self.responder.proved(holder)
            await self.directory.refresh()
        except StoreUnavailableError:  # its next use proves it
            return holder
        present = self.directory.holder(holder.token.digest)
        if present is None:
            raise UnauthenticatedError(Refusal.REVOKED)
        return present

    async def _fetch(self, request):
        self.known.note(request)
        answer = await self.reach(request)
        self.known.note(answer)
        return answer

    def _ended(self, ending):
        self.outcomes.append((ending.role, ending.outcome, ending.partner))
        self.known.told.append((str(ending.error), getattr(ending.error, "public_message", "")))

    def _reply(self, answer):
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Reply(answer.http_status, headers, answer.body(self.clock()))

    def _show(self, step, outcome):
        self.progress.append((step, outcome))


def reply(body=b"", http_status=200, **headers):
    return Reply(http_status, headers, body)


def lost(cause=FetchCause.RESET):
    """The request went out, and no answer came."""
    return FetchFailedError("their platform closed the connection", cause=cause, sent=True)


def unreachable(cause=FetchCause.REFUSED):
    """The request didn't go out."""
    return FetchFailedError("their platform refused the connection", cause=cause, sent=False)


def request_of(method, url, token, body=None):
    headers = {} if token is None else {"Authorization": dialogue.written(token, dialogue.BASE64)}
    return Fetch(method, method, url, headers, body)


def token_of(request):
    written = request.headers["Authorization"].removeprefix("Token ")
    with suppress(ValueError):
        return base64.b64decode(written, validate=True).decode()
    return written


def document(answer):
    """The envelope of an answer."""
    return json.loads(answer.body)


def said(answer):
    """HTTP status, OCPI status code and message of an answer."""
    read = document(answer)
    return answer.http_status, read["status_code"], read["status_message"]


def codes(answer):
    return said(answer)[:2]


def token_in(answer):
    """The token of ours that a partner was given."""
    assert codes(answer) in {(200, 1000), (201, 1000)}, said(answer)
    return document(answer)["data"]["token"]


async def failed_verb(gateway, name="acme"):
    """What the newest failure that the trail tells of was to do."""
    return [row.detail["verb"] for row in await gateway.operations.audit(name) if row.action == "handshake failed"][-1]
