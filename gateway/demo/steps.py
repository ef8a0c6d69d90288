"""Which of the six steps an exchange belongs to (shared/product.md, The six steps)."""

from collections.abc import Iterable
from typing import Final

from gateway.demo.report import Phase, Sight
from gateway.ocpi.vocabulary import CREDENTIALS

#: What happens in the steps that can be seen on the wire; `{sender}` and `{receiver}` are the two platforms.
STEPS: Final = {
    1: "out of band, the {receiver} creates TOKEN_A and gives it to the {sender}, with its versions URL",
    2: "the {sender} reads the {receiver}'s versions and their details with TOKEN_A",
    3: "the {sender} creates TOKEN_B and POSTs its credentials with TOKEN_A",
    4: "meanwhile the {receiver} reads the {sender}'s versions and their details with TOKEN_B",
    5: "the {receiver} answers with TOKEN_C; TOKEN_A is dead",
    6: "from now on the {sender} calls with TOKEN_C and the {receiver} calls with TOKEN_B",
}


def step_of(sight: Sight) -> int | None:
    """The step of the handshake that begins or goes on with what was seen; None where nothing begins."""
    if sight.method == "POST" and sight.path.endswith(f"/{CREDENTIALS}"):
        return 3 if sight.phase is Phase.CALL else 5
    if sight.method != "GET" or sight.phase is not Phase.CALL:
        return None
    return next((step for name, step in (("TOKEN_A ", 2), ("TOKEN_B ", 4)) if sight.credential.startswith(name)), None)


def steps_seen(sights: Iterable[Sight], *, sender: str) -> list[int]:
    """The steps in the order in which they were seen, each once; a step taken by the wrong end doesn't count."""
    steps = ((step_of(sight), sight.caller == sender) for sight in sights)
    return list(dict.fromkeys(step for step, by_sender in steps if step and by_sender is (step != 4)))  # noqa: PLR2004
