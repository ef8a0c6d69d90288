"""`RefusedError`: a request that ends with an answer of our own, and whose fault that is."""

from gateway.ocpi.envelope import Answer
from gateway.ocpi.errors import Fault, GatewayError


class RefusedError(GatewayError):
    """A request isn't forwarded, or its forwarding failed.

    Attributes:
        answer: what its sender gets.
        fault: who has to act; for the access log.
    """

    def __init__(self, answer: Answer, *, fault: Fault, reason: str = "") -> None:
        super().__init__(reason or answer.status_message)
        self.answer = answer
        self.fault = fault
