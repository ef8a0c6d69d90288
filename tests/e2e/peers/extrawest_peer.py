"""A complete OCPI 2.2.1 platform on `extrawest-ocpi` 2025.7.16; its answering side is the library's, untouched.

What this platform does that others must live with (found by reading and running it):

* Module URLs end in a slash, and its routes insist on it: without, they answer 307 to the same URL with it.
* `PROTOCOL` sets the scheme of the URLs in documents, but `Link` always says `https` and always `/cpo/`, and names the
  version and module by their Python names (`VersionNumber.v_2_2_1/ModuleID.tokens`) with `date_from=None` in the query:
  from Python 3.11 on its next page cannot be fetched by anybody. On the last page `Link` is present and empty.
* Country codes, party ids and object ids come back in lower case, `website` and `logo` as null.
* A missing `Authorization` answers 403. An unknown token answers 401 on versions and on POST, 405 on PUT, and 403 on
  everything else, DELETE of credentials too. None of them is an OCPI envelope (`{"detail": ...}`). A token that isn't
  Base64 answers HTTP 200 with `status_code` 3000.
* A wrong credentials object answers 422 without an envelope; POST when registered and PUT when not answer 405 without
  `Allow`.
* While a POST is open it calls back with `Authorization` alone, waits five seconds, follows no redirect, and wants
  HTTP 200 with `data` as the specification has it: any other HTTP status becomes `status_code` 3001; an unreachable
  platform and any other document become 3000. It asks for exactly version 2.2.1.
* Its own push client joins an endpoint's URL and the path without a slash between them: it can only push to platforms
  whose URLs end in one.
* Module identifiers outside its enumeration in version details fail its own model.
"""

from peer_client import PeerClient
from peer_crud import BookCrud
from py_ocpi import get_application
from py_ocpi.core.authentication.authenticator import Authenticator
from py_ocpi.core.enums import ModuleID, RoleEnum
from py_ocpi.modules.versions.enums import VersionNumber
from py_ocpi.modules.versions.v_2_2_1.schemas import VersionDetail

_MODULES = [
    ModuleID.credentials_and_registration,
    ModuleID.locations,
    ModuleID.sessions,
    ModuleID.cdrs,
    ModuleID.tariffs,
    ModuleID.tokens,
    ModuleID.commands,
]


def build(book, roles):
    """The platform as an ASGI application, and the client that calls others in its name."""

    class BookAuthenticator(Authenticator):
        """Tells the library which tokens are good; it makes one of these for each request."""

        @classmethod
        async def get_valid_token_c(cls):
            return [*book.registrations, *book.offered]

        @classmethod
        async def get_valid_token_a(cls):
            return [*book.invitations]

    application = get_application(
        version_numbers=[VersionNumber.v_2_2_1],
        roles=[RoleEnum(role) for role in roles],
        crud=BookCrud(book),
        modules=_MODULES,
        authenticator=BookAuthenticator,
    )
    return application, PeerClient(book=book, version_detail=VersionDetail)
