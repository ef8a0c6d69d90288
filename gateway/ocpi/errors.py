"""The error tree. The class says whose fault it is; foreign exceptions are mapped at the edge they come from.

    GatewayError
    ├── PartnerError      fault=partner    a remote platform sent or did something we can't use
    ├── BackendError      fault=backend    the legacy system didn't answer usably
    ├── OperatorError     fault=operator   configuration or a command of ours asks for something impossible
    └── InternalError     fault=gateway    we failed: store, key, disk

Each says what happened in one line and, in `remedy`, what to do about it. Neither ever holds a credentials token,
because both end up in logs and on terminals (hardening.md, T7).
"""

from enum import StrEnum


class Fault(StrEnum):
    """Who has to act (operations.md, Logs)."""

    PARTNER = "partner"
    BACKEND = "backend"
    GATEWAY = "gateway"
    OPERATOR = "operator"


class GatewayError(Exception):
    """The root of every error this program raises on purpose.

    Args:
        message: what happened, where, in one line.
        remedy: what to do about it; empty where the message says it already.
    """

    fault = Fault.GATEWAY

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}. {self.remedy}" if self.remedy else self.message


class PartnerError(GatewayError):
    """A remote platform sent or did something that can't be used."""

    fault = Fault.PARTNER


class BackendError(GatewayError):
    """The legacy system didn't answer, or not in a usable form."""

    fault = Fault.BACKEND


class OperatorError(GatewayError):
    """Configuration, or a command of the operator, asks for something that can't be done."""

    fault = Fault.OPERATOR


class InternalError(GatewayError):
    """The gateway itself failed: its store, its key, its disk."""

    fault = Fault.GATEWAY
