"""Message ids: made where a platform left them out (OCPI 2.2.1, transport, Unique message IDs)."""

import uuid


def new_id() -> str:
    """A new X-Request-ID or X-Correlation-ID: a random UUID, as the specification advises."""
    return str(uuid.uuid4())
