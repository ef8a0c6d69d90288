"""A complete OCPI 2.2.1 platform on `py-ocpi` 0.3.1; its answering side is the library's, untouched.

What this platform does that others must live with (found by reading and running it):

* Every URL it hands out starts with `https`, so it can only be run with TLS.
* It gives module URLs without a slash at the end while its routes insist on one: every request to a URL from its own
  version details, the POST of credentials too, answers 307 to the same URL with the slash.
* Versions are open to anybody, whatever the token. Version details answer 401 to a stranger, without an envelope.
* PUT of credentials takes the first element of a document that is an object, so it always fails with HTTP 500 in plain
  text, after it called back with the new token: nobody can rotate a token there.
* A stranger on credentials or on a functional module gets HTTP 500 in plain text, and so does a token that isn't
  Base64: the exception for it is raised where nothing catches it. Only a stranger's DELETE answers 405.
* A wrong credentials object answers 422 without an envelope; POST when registered answers 405 without `Allow`.
* The `timestamp` of every envelope is that of the process's start, with a blank in place of the `T`; timestamps in
  objects are re-written like that too.
* `Link` always says `/cpo/`, names version and module by their Python names and carries `date_from=None`: from Python
  3.11 on its next page cannot be fetched by anybody. On the last page `Link` is present and empty.
* Country codes, party ids and object ids come back in lower case, `website` and `logo` as null.
* `status_message` and `data` are required in an envelope, `regular_hours` even where a location is always open.
* While a POST is open it calls back with `Authorization` alone, waits five seconds, follows no redirect, and wants
  HTTP 200 with `data` as the specification has it: any other HTTP status becomes `status_code` 3001; an unreachable
  platform and any other document become HTTP 500 in plain text. It asks for exactly version 2.2.1.
* Its own push client expects version details to be a list, which nobody sends.
"""

from peer_client import PeerClient
from peer_crud import BookCrud
from py_ocpi import get_application
from py_ocpi.core.enums import RoleEnum
from py_ocpi.modules.cdrs.v_2_2_1.schemas import Cdr
from py_ocpi.modules.commands.v_2_2_1.schemas import CommandResponse, CommandResult
from py_ocpi.modules.credentials.v_2_2_1.schemas import Credentials
from py_ocpi.modules.locations.v_2_2_1.schemas import Location
from py_ocpi.modules.sessions.v_2_2_1.schemas import ChargingPreferences, Session
from py_ocpi.modules.tariffs.v_2_2_1.schemas import Tariff
from py_ocpi.modules.tokens.v_2_2_1.schemas import AuthorizationInfo, Token
from py_ocpi.modules.versions.enums import VersionNumber
from py_ocpi.modules.versions.schemas import VersionDetail


def _adapter(model):
    def adapt(self, data, version=VersionNumber.latest):
        return model(**data)

    return adapt


class SchemaAdapter:
    """Makes the library's models of stored documents; the library asks its users for this."""

    location_adapter = _adapter(Location)
    session_adapter = _adapter(Session)
    charging_preference_adapter = _adapter(ChargingPreferences)
    credentials_adapter = _adapter(Credentials)
    cdr_adapter = _adapter(Cdr)
    tariff_adapter = _adapter(Tariff)
    command_response_adapter = _adapter(CommandResponse)
    command_result_adapter = _adapter(CommandResult)
    token_adapter = _adapter(Token)
    authorization_adapter = _adapter(AuthorizationInfo)


def build(book, roles):
    """The platform as an ASGI application, and the client that calls others in its name."""
    application = get_application(
        version_numbers=[VersionNumber.v_2_2_1],
        roles=[RoleEnum(role) for role in roles],
        crud=BookCrud(book),
        adapter=SchemaAdapter(),
    )
    return application, PeerClient(book=book, version_detail=VersionDetail)
