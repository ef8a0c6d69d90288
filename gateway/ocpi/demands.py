"""What a credentials object of a partner must satisfy before anything is fetched for it.

Who it may speak for: whom the invitation names, and never us. Where it may lie: hosts that the invitation names, and
after a registration the origin that was registered (handshake.md, RU6; hardening.md, URLs 2).
"""

from gateway.ocpi.credentials import Credentials
from gateway.ocpi.envelope import StatusCode
from gateway.ocpi.flow import HandshakeError
from gateway.ocpi.partner import Invitation, Partner
from gateway.ocpi.party import Party
from gateway.ocpi.urls import host_of, origin_of

READ_CREDENTIALS = "read credentials"


def check_parties(credentials: Credentials, *, invitation: Invitation, ours: frozenset[Party]) -> None:
    """Hold the roles against what the operator demanded at the invitation, and against our own parties.

    Raises:
        HandshakeError: 2001, naming the party.
    """
    presented = {(role.party, role.role) for role in credentials.roles}
    for party, role in invitation.roles:
        if not any(party == theirs and role in {None, as_role} for theirs, as_role in presented):
            wanted = f"{party}:{role}" if role else str(party)
            raise _refused(f"the invitation is for {wanted}, which is not among the roles")
    invited = set(invitation.roles)
    strangers = sorted(
        f"{party}:{role}" for party, role in presented if invited and not {(party, None), (party, role)} & invited
    )
    if strangers:
        raise _refused(f"the invitation does not cover {', '.join(strangers)}")
    claimed = sorted({str(party) for party, _ in presented if party in ours})
    if claimed:
        raise _refused(f"roles: {', '.join(claimed)} belongs to our platform")


def check_host(credentials: Credentials, *, invitation: Invitation, allowed_hosts: frozenset[str]) -> None:
    """Hold the URL against the hosts that the invitation and the operator name.

    Raises:
        HandshakeError: 2001.
    """
    if invitation.hosts and host_of(credentials.url) not in invitation.hosts | allowed_hosts:
        raise _refused("url: its host is not one that the invitation names")


def check_origin(credentials: Credentials, *, partner: Partner, allowed_hosts: frozenset[str]) -> None:
    """Hold the URL against the one registered: who holds a leaked token must not move a partner elsewhere.

    Raises:
        HandshakeError: 2001.
    """
    known, url = partner.versions_url, credentials.url
    if known and origin_of(url) != origin_of(known) and host_of(url) not in allowed_hosts | partner.invitation.hosts:
        raise _refused("url: is on another origin than the one registered; the operator must allow it first")


def _refused(message: str) -> HandshakeError:
    return HandshakeError(message, step=READ_CREDENTIALS, status_code=StatusCode.INVALID_PARAMETERS)
