"""Looking names up without letting one partner's silent name server stand in everybody's way.

The system's resolver blocks a thread for as long as it likes, half a minute and more, and a time-out of ours doesn't
end that. So each partner may have only so many look-ups going on, counted until the thread is free again.
"""

import asyncio
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.net.address import current_partner

_AT_ONCE: Final = 4
_THREADS: Final = 64

#: What is asked, and for which partner; the answer is judged for that one alone.
_Question = tuple[str, str, int, socket.AddressFamily]


class BoundedResolver(AbstractResolver):
    """Asks another resolver, for each partner only a few times at one time; who asks the same meanwhile shares it."""

    def __init__(self, resolver: AbstractResolver) -> None:
        self._resolver = resolver
        self._under_way: Counter[str] = Counter()
        self._shared: dict[_Question, asyncio.Future[list[ResolveResult]]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Resolve a host name.

        Raises:
            OSError: the name does not resolve, or too many look-ups for this partner get no answer.
        """
        question = current_partner() or "", host, port, family
        lookup = self._shared.get(question)
        if lookup is None:
            partner = question[0]
            if self._under_way[partner] >= _AT_ONCE:
                raise OSError("the name servers of this partner do not answer")
            self._under_way[partner] += 1
            lookup = self._shared[question] = asyncio.ensure_future(self._resolver.resolve(host, port, family))
            lookup.add_done_callback(lambda ended: self._ended(question, ended))
        return await asyncio.shield(lookup)

    def _ended(self, question: "_Question", lookup: asyncio.Future[list[ResolveResult]]) -> None:
        if not lookup.cancelled():
            lookup.exception()  # whoever asked may be gone
        del self._shared[question]
        partner = question[0]
        self._under_way[partner] -= 1
        if not self._under_way[partner]:
            del self._under_way[partner]

    async def close(self) -> None:
        """Close the resolver inside."""
        await self._resolver.close()


def give_threads(loop: asyncio.AbstractEventLoop) -> None:
    """Let an event loop have enough threads for the look-ups of many partners at one time."""
    loop.set_default_executor(ThreadPoolExecutor(_THREADS, thread_name_prefix="lookup"))
