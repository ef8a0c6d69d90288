"""The answers that the traffic path makes itself (contract.md, Answers to trouble).

What a partner reads never names an address, a key of our configuration or another partner; what the operator needs
beside that goes to `reason`, which is logged. The backend's engineer reads everything.
"""

from collections.abc import Sequence

from gateway.ocpi.envelope import Answer, StatusCode
from gateway.ocpi.errors import Fault
from gateway.ocpi.refusal import RefusedError
from gateway.ocpi.vocabulary import METHODS


def wrong_path(message: str, *, fault: Fault) -> RefusedError:
    """The path isn't one that two readers must understand alike (hardening.md, P1)."""
    return RefusedError(Answer(400, StatusCode.CLIENT_ERROR, message), fault=fault)


def unknown_path(message: str, *, fault: Fault) -> RefusedError:
    """Nothing is there."""
    return RefusedError(Answer(404, StatusCode.CLIENT_ERROR, message), fault=fault)


def wrong_method(method: str, *, fault: Fault) -> RefusedError:
    """OCPI has no such method (hardening.md, R11)."""
    message = f"OCPI does not use the method {method[:20]}"
    return RefusedError(
        Answer(405, StatusCode.CLIENT_ERROR, message, headers={"Allow": ", ".join(METHODS)}), fault=fault
    )


def wrong_parameter(message: str, *, fault: Fault, reason: str = "") -> RefusedError:
    """Body, query or header hold something that can't be forwarded.

    HTTP 400 rather than 200: whoever sends a command reads its result from a 200, and there is none.
    """
    return RefusedError(Answer(400, StatusCode.INVALID_PARAMETERS, message), fault=fault, reason=reason)


def wrong_party(message: str) -> RefusedError:
    """A partner speaks for a party that isn't its own, or to one that isn't ours (hardening.md, P8)."""
    return RefusedError(Answer(404, StatusCode.INVALID_PARAMETERS, message), fault=Fault.PARTNER)


def too_many(wait_seconds: int, *, fault: Fault, reason: str = "") -> RefusedError:
    """More requests came than we take (contract.md, Answers to trouble)."""
    answer = Answer(
        429, StatusCode.CLIENT_ERROR, "too many requests; try again later", headers={"Retry-After": str(wait_seconds)}
    )
    return RefusedError(answer, fault=fault, reason=reason)


def not_permitted(message: str) -> RefusedError:
    """The operator doesn't let this partner use the module."""
    return RefusedError(Answer(403, StatusCode.CLIENT_ERROR, message), fault=Fault.PARTNER)


def method_not_permitted(allowed: Sequence[str]) -> RefusedError:
    """The operator lets this partner use the module with other methods only."""
    allow = ", ".join(allowed)
    answer = Answer(405, StatusCode.CLIENT_ERROR, f"your platform may use here: {allow}", headers={"Allow": allow})
    return RefusedError(answer, fault=Fault.PARTNER)


def too_large(limit: int, *, fault: Fault) -> RefusedError:
    """The body is larger than we forward."""
    message = f"the body is larger than {limit} bytes"
    return RefusedError(Answer(413, StatusCode.INVALID_PARAMETERS, message), fault=fault)


def too_slow_sending(*, fault: Fault) -> RefusedError:
    """The body of the request stopped coming (hardening.md, T10)."""
    return RefusedError(Answer(408, StatusCode.CLIENT_ERROR, "the body did not arrive in time"), fault=fault)


def too_slow_taking(*, fault: Fault) -> RefusedError:
    """Whoever asked doesn't take the answer; it is cut, so nobody reads this but the log."""
    return RefusedError(Answer(408, StatusCode.CLIENT_ERROR, "the answer was not taken in time"), fault=fault)


def broken_body(*, fault: Fault) -> RefusedError:
    """The body of the request broke off, or its chunks are malformed."""
    return RefusedError(Answer(400, StatusCode.INVALID_PARAMETERS, "the body is incomplete"), fault=fault)


def store_failed(error: Exception) -> RefusedError:
    """A `response_url` can't be kept, so the request must not go out: HTTP 503, because it may simply be sent again."""
    answer = Answer(503, StatusCode.SERVER_ERROR, "temporarily not possible; nothing was forwarded, please try again")
    return RefusedError(answer, fault=Fault.GATEWAY, reason=f"response_url could not be kept: {error}")


def unauthorized() -> RefusedError:
    """The private listener was called without the egress token."""
    message = "present the egress token of this gateway (backend.egress_token): 'Authorization: Token ...'"
    answer = Answer(401, StatusCode.CLIENT_ERROR, message, headers={"WWW-Authenticate": "Token"})
    return RefusedError(answer, fault=Fault.BACKEND)


def unknown_receiver(message: str) -> RefusedError:
    """The backend asks for a partner, or a party of a partner, that doesn't exist."""
    return RefusedError(Answer(404, StatusCode.UNKNOWN_RECEIVER, message), fault=Fault.BACKEND)


def not_callable(message: str) -> RefusedError:
    """The partner can't be called in its present state; the message says what the operator can do."""
    return RefusedError(Answer(409, StatusCode.CONNECTION_PROBLEM, message), fault=Fault.OPERATOR)
