"""The calling side of a foreign peer: it registers, pulls, pushes and commands, judging every answer by its library.

The libraries implement only the answering side of the handshake, so the calling side is written here, with the
library's own models: what those refuse, its users would refuse. Requests carry no more headers than the libraries'
own clients send, which is `Authorization` alone. No redirect is followed, as the libraries follow none.
"""

import httpx
from py_ocpi.core.enums import ModuleID
from py_ocpi.core.schemas import OCPIResponse
from py_ocpi.core.utils import encode_string_base64
from py_ocpi.modules.commands.v_2_2_1.schemas import CommandResponse, StartSession
from py_ocpi.modules.credentials.v_2_2_1.schemas import Credentials
from py_ocpi.modules.locations.v_2_2_1.schemas import Location
from py_ocpi.modules.tokens.v_2_2_1.schemas import Token
from py_ocpi.modules.versions.enums import VersionNumber
from py_ocpi.modules.versions.schemas import Version

_SCHEMAS = {"locations": Location, "tokens": Token}
_SECONDS = 20


class RefusedError(Exception):
    """The other platform answered with something other than success; `account` holds the call and its answer."""

    def __init__(self, response):
        self.account = {
            "method": response.request.method,
            "url": str(response.request.url),
            "http_status": response.status_code,
            "body": response.text,
        }
        super().__init__(f"{response.request.method} {response.request.url}: HTTP {response.status_code}")


class PeerClient:
    """The verbs by which a test drives this peer; each takes and gives plain JSON values."""

    def __init__(self, *, book, version_detail):
        """`version_detail` is the library's model of version details: each library keeps it elsewhere."""
        self._book = book
        self._version_detail = version_detail

    async def invite(self, *, invitation_token):
        """Accept this TOKEN_A for one registration."""
        self._book.invitations.add(invitation_token)

    async def load(self, *, module, documents):
        """Put objects into this peer's own modules."""
        for document in documents:
            self._book.keep(module, document.get("uid") or document["id"], document)

    async def objects(self, *, module):
        """All objects of a module, also those that the other platform pushed here."""
        return list(self._book.objects.get(module, {}).values())

    async def registrations(self):
        """Whom this peer is registered with."""
        return [vars(registration) for registration in self._book.registrations.values()]

    async def register(self, *, versions_url, invitation_token):
        """Run the six steps of the handshake as initiator; gives what the other platform said of itself."""
        endpoints = await self._discover(versions_url, invitation_token)
        inbound_token = self._book.offer()
        credentials = await self._exchange("POST", endpoints, invitation_token, inbound_token)
        self._book.register(inbound_token=inbound_token, credentials=credentials, endpoints=endpoints)
        return vars(self._book.the_registration())

    async def rotate(self):
        """PUT a new token of this peer's, and take the other platform's new one."""
        old = self._book.the_registration()
        inbound_token = self._book.offer()
        credentials = await self._exchange("PUT", old.endpoints, old.outbound_token, inbound_token)
        endpoints = await self._discover(credentials["url"], credentials["token"])
        del self._book.registrations[old.inbound_token]
        self._book.register(inbound_token=inbound_token, credentials=credentials, endpoints=endpoints)
        return vars(self._book.the_registration())

    async def credentials(self):
        """GET the other platform's credentials object."""
        registration = self._book.the_registration()
        return await self._read_credentials("GET", registration.endpoints, registration.outbound_token)

    async def unregister(self):
        """DELETE the registration at the other platform, then here."""
        registration = self._book.the_registration()
        url = _credentials_url(registration.endpoints)
        _succeeded(await _call("DELETE", url, registration.outbound_token))
        del self._book.registrations[registration.inbound_token]

    async def pull(self, *, module, limit, path=""):
        """GET a module of the other platform page by page along `Link`; gives the pages and the validated objects.

        `path` comes after the module's URL, before the query: the libraries' own routes want a slash there.
        """
        registration = self._book.the_registration()
        url = _endpoint(registration.endpoints, module, "SENDER") + f"{path}?limit={limit}"
        pages, found = [], []
        while url:
            response = await _call("GET", url, registration.outbound_token)
            found += [_plain(_SCHEMAS[module](**document)) for document in _data(response)]
            pages.append({"url": url, "http_status": response.status_code, "headers": dict(response.headers)})
            url = response.links.get("next", {}).get("url")
        return {"pages": pages, "objects": found}

    async def push(self, *, module, country_code, party_id, identifier, document):
        """PUT an object to the other platform's receiver interface."""
        registration = self._book.the_registration()
        base = _endpoint(registration.endpoints, module, "RECEIVER").rstrip("/")
        body = _plain(_SCHEMAS[module](**document))
        url = f"{base}/{country_code}/{party_id}/{identifier}"
        response = _succeeded(await _call("PUT", url, registration.outbound_token, body))
        return {"http_status": response.status_code}

    async def start_session(self, *, command_id, location_id, card):
        """Command the other platform to start a session; its result will arrive here as object `command_id`."""
        registration = self._book.the_registration()
        root = self._book.versions_url.removesuffix("/versions")
        command = StartSession(
            response_url=f"{root}/emsp/2.2.1/commands/{command_id}", token=Token(**card), location_id=location_id
        )
        url = _endpoint(registration.endpoints, ModuleID.commands.value, "RECEIVER").rstrip("/") + "/START_SESSION"
        response = await _call("POST", url, registration.outbound_token, _plain(command))
        return _plain(CommandResponse(**_data(response)))

    async def _discover(self, versions_url, outbound_token):
        versions = [Version(**entry) for entry in _data(await _call("GET", versions_url, outbound_token))]
        details_url = next(entry.url for entry in versions if entry.version == VersionNumber.v_2_2_1)
        details = _data(await _call("GET", details_url, outbound_token))
        return [_plain(endpoint) for endpoint in self._version_detail(**details).endpoints]

    async def _exchange(self, method, endpoints, outbound_token, inbound_token):
        try:
            body = _plain(Credentials(**self._book.credentials(inbound_token)))
            return await self._read_credentials(method, endpoints, outbound_token, body)
        except Exception:
            self._book.offered.discard(inbound_token)
            raise

    async def _read_credentials(self, method, endpoints, outbound_token, body=None):
        response = await _call(method, _credentials_url(endpoints), outbound_token, body)
        return _plain(Credentials(**_data(response)))


async def _call(method, url, outbound_token, body=None):
    headers = {"authorization": f"Token {encode_string_base64(outbound_token)}"}
    async with httpx.AsyncClient(timeout=_SECONDS) as http:
        return await http.request(method, url, headers=headers, json=body)


def _succeeded(response):
    """Success is a 2xx that carries an OCPI status of 1000 to 1999."""
    if not response.is_success or not 1000 <= response.json()["status_code"] < 2000:
        raise RefusedError(response)
    return response


def _data(response):
    """The data of a successful answer, which the library's own envelope must accept."""
    return OCPIResponse(**_succeeded(response).json()).data


def _endpoint(endpoints, module, role=None):
    for endpoint in endpoints:
        if endpoint["identifier"] == module and role in (None, endpoint["role"]):
            return endpoint["url"]
    raise LookupError(f"the other platform offers no {module} as {role or 'any role'}")


def _credentials_url(endpoints):
    """With a slash at its end: the routes of both libraries want one, although py-ocpi gives its URL without."""
    return _endpoint(endpoints, "credentials").rstrip("/") + "/"


def _plain(model):
    """A model as it goes out as JSON, without what was left unset."""
    return httpx.Response(200, content=model.json(exclude_none=True)).json()
