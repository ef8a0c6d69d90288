"""The business logic that both libraries ask their users for, as one object over the peer's book.

Both libraries call the same six coroutines for every module, and check nothing themselves that isn't asked here: where
`py-ocpi` is concerned these calls are the only authentication of functional modules.
"""
# ruff: noqa: A002 - the libraries name the parameters, and pass more of them than this peer needs

import peer_book
from py_ocpi.core.enums import Action, ModuleID
from py_ocpi.core.exceptions import AuthorizationOCPIError


class BookCrud:
    """Create, read, update, delete, list and do, on a `peer_book.Book`."""

    def __init__(self, book):
        self._book = book

    async def get(self, module, role, id, *args, auth_token=None, **details):
        if module == ModuleID.credentials_and_registration:
            return self._book.credentials(id) if id in self._book.registrations else None
        self._authorise(auth_token)
        return self._book.find(module.value, id)

    async def list(self, module, role, filters, *args, auth_token=None, **details):
        self._authorise(auth_token)
        documents = list(self._book.objects.get(module.value, {}).values())
        end = filters["offset"] + filters["limit"]
        return documents[filters["offset"] : end], len(documents), end >= len(documents)

    async def create(self, module, role, data, *args, auth_token=None, **details):
        if module == ModuleID.credentials_and_registration:
            self._book.invitations.remove(auth_token)
            return self._register(data)
        # Both libraries pass the token by position where a location is created, by keyword everywhere else.
        self._authorise(auth_token or args[0])
        return self._book.keep(module.value, data.get("uid") or data["id"], data)

    async def update(self, module, role, data, id, *args, auth_token=None, **details):
        if module == ModuleID.credentials_and_registration:
            del self._book.registrations[auth_token]
            return self._register(data)
        self._authorise(auth_token)
        return self._book.keep(module.value, id, data)

    async def delete(self, module, role, id, *args, auth_token=None, **details):
        if module == ModuleID.credentials_and_registration:
            del self._book.registrations[id]
            return
        self._authorise(auth_token)
        self._book.objects.get(module.value, {}).pop(str(id).lower(), None)

    async def do(self, module, role, action, *args, data=None, auth_token=None, version=None, **details):
        if action == Action.get_client_token:
            return self._client_token(auth_token, on_credentials=version is not None)
        self._authorise(auth_token)
        if action == Action.authorize_token:
            return {"allowed": "ALLOWED", "token": self._book.find("tokens", data["token_uid"])}
        raise NotImplementedError(f"this peer has no charge points to {action.value}")

    def _authorise(self, inbound_token):
        if not self._book.accepts(inbound_token):
            raise AuthorizationOCPIError

    def _client_token(self, inbound_token, *, on_credentials):
        """What py-ocpi asks before version details and credentials: falsy for TOKEN_A, None there for a stranger."""
        if self._book.accepts(inbound_token):
            return inbound_token
        if inbound_token in self._book.invitations:
            return {}
        if on_credentials:
            # None would let a stranger register: the library takes it for "not registered yet".
            raise AuthorizationOCPIError
        return None

    def _register(self, data):
        inbound_token = peer_book.new_token()
        self._book.register(
            inbound_token=inbound_token,
            credentials=data["credentials"],
            endpoints=data["endpoints"]["endpoints"],
        )
        return self._book.credentials(inbound_token)
