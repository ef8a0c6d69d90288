"""Partner records for tests: changes are made as the gateway makes them, and read back as rows."""

from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import func, select

from gateway.ocpi import lifecycle
from gateway.ocpi.credentials import Credentials
from gateway.ocpi.discovery import Discovery
from gateway.ocpi.partner import CredentialsRole, Endpoint, Invitation, Manners
from gateway.ocpi.party import Party
from gateway.ocpi.vocabulary import InterfaceRole, TokenForm
from gateway.store import tables
from gateway.store.changes import Ledger
from gateway.store.inbound import Lifetimes
from gateway.store.records import read_by_name

VERSIONS_URL = "https://emsp.example.com/ocpi/versions"
ENDPOINTS = (
    Endpoint("credentials", InterfaceRole.RECEIVER, "https://emsp.example.com/ocpi/2.2.1/credentials"),
    Endpoint("tokens", None, "https://emsp.example.com/ocpi/2.2.1/tokens"),
)
FOUND = Discovery("2.2.1", VERSIONS_URL, ENDPOINTS, Manners(TokenForm.PLAIN, TokenForm.ABSENT))


def theirs(outbound_token, *parties):
    """The credentials object of a partner with these parties: `DE-ABC:EMSP`; the role may be left out."""
    roles = tuple(
        CredentialsRole(name.partition(":")[2] or "EMSP", Party.parse(name.partition(":")[0]), {"name": "Example"})
        for name in parties
    )
    return Credentials(outbound_token, VERSIONS_URL, roles)


@dataclass
class Books:
    """The records of one store."""

    store: object
    vault: object
    clock: object
    lifetimes: Lifetimes = field(default_factory=Lifetimes)

    async def do(self, work, *, actor="cli"):
        """Run one transaction on the ledger."""
        return await self.store.write(
            lambda connection: work(
                Ledger(connection, self.vault, now=self.clock(), actor=actor, lifetimes=self.lifetimes)
            )
        )

    async def invite(self, name, invitation_token="token-a", *, roles=(), hosts=(), days=7):
        expires_at = self.clock() + timedelta(days=days)
        invitation = Invitation(tuple(roles), frozenset(hosts))
        return await self.do(
            lambda ledger: ledger.invite(
                name, invitation_token=invitation_token, invitation=invitation, expires_at=expires_at
            )
        )

    async def start(self, name, invitation_token="their-token-a", versions_url=VERSIONS_URL):
        return await self.do(
            lambda ledger: ledger.start(name, versions_url=versions_url, invitation_token=invitation_token)
        )

    async def apply(self, name, change):
        await self.do(lambda ledger: ledger.apply(ledger.partner(name), change))
        return await self.record(name)

    async def accept(self, name, inbound_token, outbound_token="their-token-b", *parties):
        """The partner registered with us."""
        credentials = theirs(outbound_token, *(parties or ("DE-ABC",)))
        return await self.apply(name, lifecycle.Accepted(credentials, FOUND, inbound_token))

    async def register(self, name, *parties, inbound_token=None, outbound_token=None):
        """An invited partner registered and used its token."""
        await self.invite(name, f"{name}-a")
        inbound_token = inbound_token or f"{name}-c"
        await self.accept(name, inbound_token, outbound_token or f"{name}-b", *parties)
        return await self.prove(name, inbound_token)

    async def prove(self, name, inbound_token):
        def work(ledger):
            record = ledger.partner(name)
            token = next(each for each in record.inbound_tokens if each.digest == self.vault.digest(inbound_token))
            ledger.prove(record, token.id)

        await self.do(work)
        return await self.record(name)

    async def record(self, name):
        return await self.store.read(lambda connection: read_by_name(connection, self.vault, name))

    async def states(self, name):
        """The states of a partner's tokens of kind credentials that live, oldest first."""
        return [token.state for token in (await self.record(name)).inbound_tokens if token.kind == "credentials"]

    async def state_of(self, inbound_token):
        """The state of one inbound token, revoked ones too."""
        row = await self.row_of(inbound_token)
        return None if row is None else row.state

    async def row_of(self, inbound_token):
        query = select(tables.inbound_token).where(tables.inbound_token.c.digest == self.vault.digest(inbound_token))
        return await self.store.read(lambda connection: connection.execute(query).first())

    async def rows(self, table):
        return await self.store.read(lambda connection: connection.execute(select(table)).all())

    async def audit(self):
        """The trail as pairs of actor and action."""
        return [(row.actor, row.action) for row in await self.rows(tables.audit)]

    async def audit_count(self):
        query = select(func.count()).select_from(tables.audit)
        return await self.store.read(lambda connection: connection.execute(query).scalar_one())
