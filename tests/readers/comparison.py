"""Sends messages to the gateway and to another reader, and counts how they compare."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from tests.readers.messages import message
from tests.readers.others import reader
from tests.readers.ours import gateway
from tests.readers.reading import Verdict, compare

#: nginx has room for 128 clients (tests/hostile/fronts.py).
_AT_ONCE = 100


@dataclass
class Comparison:
    """The verdicts on many messages.

    Attributes:
        accepted: messages of which the gateway accepted at least one request.
        verdicts: how often each was come to on those.
        differences: the messages that were read differently, and both readings.
    """

    messages: int = 0
    accepted: int = 0
    verdicts: Counter = field(default_factory=Counter)
    differences: list = field(default_factory=list)

    def add(self, number, raw, ours, theirs):
        verdict = compare(ours, theirs)
        self.messages += 1
        if verdict is Verdict.DIFFERENT:
            self.differences.append(f"message {number}: {raw!r}\n  the gateway: {ours}\n  the other:   {theirs}")
        if ours.requests:
            self.accepted += 1
            self.verdicts[verdict] += 1


async def compared(name, folder, *, seed, count):
    """Compare so many messages."""
    result = Comparison()
    numbers = iter(range(count))
    async with gateway() as ours, reader(name, folder) as theirs:

        async def work():
            for number in numbers:
                raw = message(seed, number)
                result.add(number, raw, await ours(number, raw), await theirs(number, raw))

        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(work())
    return result
