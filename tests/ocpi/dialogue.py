"""Flows tested as dialogues: what is asked, what is answered, what is saved, how it ends.

(
    dialogue(discover(target, wanted=["2.2.1"]))
    .expects("GET", VERSIONS_URL, BASE64)
    .replies(versions({"2.2.1": DETAILS_URL}))
    .expects("GET", DETAILS_URL, BASE64)
    .replies(details(endpoint("credentials")))
    .ends()
)
"""

import base64
import json
from typing import Self

from gateway.ocpi.flow import Fetch, FetchCause, FetchFailedError, HandshakeError, Reply
from gateway.ocpi.partner import CredentialsRole
from gateway.ocpi.party import Party
from gateway.ocpi.registration import Front
from gateway.ocpi.vocabulary import TokenForm

BASE64, PLAIN, ABSENT = TokenForm.BASE64, TokenForm.PLAIN, TokenForm.ABSENT

HOST = "https://emsp.example.com"
VERSIONS_URL = f"{HOST}/ocpi/versions"
DETAILS_URL = f"{HOST}/ocpi/2.2.1"
CREDENTIALS_URL = f"{HOST}/ocpi/2.2.1/credentials"

FRONT = Front(
    "https://ocpi.example.com/ocpi/versions",
    (CredentialsRole("CPO", Party("NL", "EXA"), {"name": "Example Charging"}),),
    ("2.2.1", "2.2"),
)

INVITATION_TOKEN = "partners-invitation-token-A"
OUTBOUND_TOKEN = "partners-own-token-for-us"
NEXT_OUTBOUND_TOKEN = "partners-next-token-for-us"
INBOUND_TOKEN = "ocpigw_token-that-we-made"
SECRETS = (INVITATION_TOKEN, OUTBOUND_TOKEN, NEXT_OUTBOUND_TOKEN, INBOUND_TOKEN)


class Dialogue:
    """Drives a flow from the other side; each step fails where the flow does something else.

    Attributes:
        saved: the changes that the flow asked to save, in order.
    """

    def __init__(self, flow, *, token):
        self._flow = flow
        self._token = token
        self._outcome = None
        self._error = None
        self.saved = []
        self._step(lambda: next(flow))

    def expects(self, method, url, form, *, token=None, body=None) -> Self:
        """The flow asks for this now, and for nothing else."""
        request = self._now
        assert isinstance(request, Fetch), f"expected {method} {url}, but the flow came to {self._state()}"
        assert (request.method, request.url) == (method, url), f"expected {method} {url}, but got {request}"
        assert request.headers.get("Authorization") == written(token or self._token, form)
        assert request.step.startswith(method)
        _shows_no_secret(request)
        if body is not None:
            assert json.loads(request.body) == body
        return self

    def replies(self, body=b"", http_status=200, **headers) -> Self:
        """Their platform answers."""
        assert isinstance(self._now, Fetch), f"nothing is asked; the flow came to {self._state()}"
        reply = Reply(http_status, headers, body)
        _shows_no_secret(reply)
        self._step(lambda: self._flow.send(reply))
        return self

    def redirects(self, location, http_status=307) -> Self:
        return self.replies(b"", http_status, location=location)

    def fails(self, cause=FetchCause.TIMEOUT, *, sent=True) -> Self:
        """No usable answer comes."""
        self.throws(FetchFailedError(f"their platform failed: {cause}", cause=cause, sent=sent, remedy="Ask them"))
        return self

    def throws(self, error) -> Self:
        """What was asked for ends in an error of ours."""
        self._step(lambda: self._flow.throw(error))
        return self

    def saves(self, kind) -> Self:
        """The flow asks for a change to be saved, and is told that it was."""
        assert type(self._now) is kind, f"expected {kind.__name__}, but the flow came to {self._state()}"
        self.saved.append(self._now)
        self._step(lambda: self._flow.send(None))
        return self

    def ends(self):
        """The flow is over; gives what it returns."""
        assert self._now is None, f"expected the end, but got {self._now}"
        assert self._error is None, f"expected success, but got {self._error!r}"
        return self._outcome

    def is_refused(self, status_code, *, step=None, says="") -> HandshakeError:
        """The flow is over with a failure of this OCPI status code; gives it."""
        assert isinstance(self._error, HandshakeError), f"expected a failure, but the flow came to {self._state()}"
        assert self._error.status_code == status_code
        assert step in {None, self._error.step}
        assert self._error.public_message.startswith(f"{self._error.step}: ")
        assert says in str(self._error)
        _shows_no_secret(self._error)
        return self._error

    def _step(self, take):
        try:
            self._now = take()
        except StopIteration as finished:
            self._now, self._outcome = None, finished.value
        except HandshakeError as error:
            self._now, self._error = None, error

    def _state(self):
        return self._now or self._error or "its end"


def dialogue(flow, *, token=OUTBOUND_TOKEN) -> Dialogue:
    """Start a flow that presents this token unless a step says otherwise."""
    return Dialogue(flow, token=token)


def written(token, form):
    """The Authorization header of a token, or None."""
    if form is ABSENT:
        return None
    return f"Token {base64.b64encode(token.encode()).decode() if form is BASE64 else token}"


def envelope(data=None, *, status_code=1000, **fields):
    return json.dumps(
        {"status_code": status_code, "timestamp": "2026-01-02T03:04:05Z", "data": data, **fields}
    ).encode()


def versions(offered):
    return envelope([{"version": version, "url": url} for version, url in offered.items()])


def endpoint(identifier, role="RECEIVER", url=None):
    return {"identifier": identifier, "role": role, "url": url or f"{DETAILS_URL}/{identifier}"}


def details(*endpoints, version="2.2.1"):
    return envelope({"version": version, "endpoints": list(endpoints)})


def credentials(token=OUTBOUND_TOKEN, url=VERSIONS_URL, *parties):
    """A credentials object of the partner: an eMSP with these parties, `DE-ABC` unless given."""
    return {
        "token": token,
        "url": url,
        "roles": [
            {
                "role": "EMSP",
                "country_code": party[:2],
                "party_id": party[3:],
                "business_details": {"name": "Example eMSP"},
            }
            for party in parties or ("DE-ABC",)
        ],
    }


#: What the usual platform answers to both requests of discovery.
OFFERED = versions({"2.2.1": DETAILS_URL})
FOUND = details(endpoint("credentials"), endpoint("tokens", "SENDER"))


def _shows_no_secret(shown):
    words = f"{shown!r} {shown} {getattr(shown, 'public_message', '')} {getattr(shown, 'remedy', '')}"
    for secret in SECRETS:
        assert secret not in words
        assert base64.b64encode(secret.encode()).decode().rstrip("=") not in words
