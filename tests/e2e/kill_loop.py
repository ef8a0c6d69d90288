"""SIGKILL at random moments of handshakes, and what has to be left of them: `make kill-loop` (hardening.md, Figures).

    counterparts (this process)  <-->  gateway (a process that is killed), its command line (processes that are killed)

A round lets handshakes begin and kills the server, verbs of the command line, or all of them at a moment. Then the
server is started again and the documented way is gone: the partner repeats its request, upkeep resumes, `register`,
`rotate` and `unregister` are called again, or the partner is HALF_OPEN and what its note asks for is done. After each
round the truth of the counterparts is held against that of the gateway:

    nothing is lost        each side's calls to the other work, or both sides are unregistered
    nobody is locked out   no new invitation is needed unless a note of HALF_OPEN asked for it
    nothing happens twice  one request on the wire an attempt; a repeated one carries the same token; one partner record
    handshake.md, I2, I4   at most 1 active, 1 grace, 3 pending inbound tokens; what was revoked opens nothing
    I5, I7                 no token in a file or the log; the audit trail is whole
"""

import argparse
import asyncio
import collections
import contextlib
import json
import os
import random
import secrets
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from gateway.app.verbs import operations
from gateway.config import load_text
from gateway.ocpi.errors import GatewayError
from gateway.ocpi.vocabulary import PartnerState, TokenKind, TokenState
from gateway.store.notes import UnknownPartnerError
from tests.e2e.counterpart import Counterpart, LostError
from tests.e2e.nursery import Nursery
from tests.e2e.rig import Backend, Gateway

_PARTNERS = 6
_SETTLE_SECONDS = 15
_UPKEEP_SECONDS = 8
_POLL_SECONDS = 0.05
_ATTEMPTS = 6
_LIMITS = {TokenState.ACTIVE: 1, TokenState.GRACE: 1, TokenState.PENDING: 3}
_VERIFIED_EVERY = 10
_TOLD_EVERY = 50
#: How often a verb dies before its end, and the server while verbs run.
_VERB_DIES, _SERVER_DIES = 0.8, 0.4
_THEY_BEGIN = 0.4


class KillableGateway(Gateway):
    """The gateway as processes that can be killed: its server, and verbs of its command line."""

    async def kill(self):
        """SIGKILL the server; whether it was alive."""
        self._process.kill()
        return await self._process.wait() == -signal.SIGKILL

    async def revive(self):
        """Start it again where it is dead."""
        if self._process.returncode is not None:
            await self._launch()
            assert await self._becomes_ready(), self._read_log()

    def files(self):
        """What it and its verbs wrote."""
        return [*super().files(), *(self._folder / "verbs").glob("*")]


@dataclass
class Link:
    """A counterpart and how things stand with it.

    Attributes:
        action: what was last begun with it.
        invitation: the TOKEN_A that its registration goes by.
        story: what happened, for the report of a failure.
    """

    peer: Counterpart
    registered: bool = False
    action: str = ""
    invitation: str = ""
    done: bool = False
    story: list = field(default_factory=lambda: collections.deque(maxlen=40))

    def tell(self, *words):
        """Note what happens."""
        self.story.append(" ".join(map(str, words)))


class Loop:
    """The rounds.

    Attributes:
        kills: by who was killed and during what.
        ways: how rounds were brought to their end.
    """

    def __init__(self, gateway, backend, verbs, links, chance):
        self.gateway, self.backend, self.verbs, self.links, self.chance = gateway, backend, verbs, links, chance
        self.kills, self.ways = collections.Counter(), collections.Counter()
        self.rounds = 0
        self._usual_seconds = 0.15

    @property
    def killed(self):
        """How many processes were killed."""
        return self.kills.total()

    async def run(self, kills):
        """Go on until so many processes were killed; every link ends settled."""
        told = 0
        while self.killed < kills:
            await self.round()
            if self.killed >= told + _TOLD_EVERY:
                told = self.killed
                sys.stdout.write(f"{told} killed in {self.rounds} rounds\n")
                sys.stdout.flush()
        await self._verify()

    async def round(self):
        """Begin something, kill somebody, settle, check."""
        self.rounds += 1
        involved = await (self._they_begin() if self.chance.random() < _THEY_BEGIN else self._we_begin())
        await self.gateway.revive()
        for link in involved:
            try:
                async with asyncio.timeout(_SETTLE_SECONDS * 2):
                    await self._settle(link)
                    await self._check(link)
            except (AssertionError, LostError, TimeoutError, GatewayError) as error:
                story = "\n".join(link.story)
                raise AssertionError(f"round {self.rounds}, {link.peer.name}: {error!r}\n{story}") from error
        if self.rounds % _VERIFIED_EVERY == 0:
            await self._verify()

    # Beginning.

    async def _they_begin(self):
        """Partners register, rotate and unregister at the gateway, whose server is killed meanwhile."""
        involved = self.chance.sample(self.links, self.chance.randint(1, 3))
        for link in involved:
            link.action = self.chance.choice(("rotate", "rotate", "rotate", "unregister")) if link.registered else ""
            link.action = f"they {link.action or 'register'}"
            if link.action == "they register":
                link.invitation = (await self.verbs.invite(link.peer.name)).invitation_token
        started = time.monotonic()
        acts = [asyncio.ensure_future(self._they_act(link)) for link in involved]
        killer = asyncio.ensure_future(self._kill_server_within(self._usual_seconds, involved))
        await asyncio.gather(*acts)
        if not killer.done():
            self._usual_seconds = 0.8 * self._usual_seconds + 0.2 * (time.monotonic() - started)
        await killer
        return involved

    async def _they_act(self, link):
        peer, link.done = link.peer, False
        try:
            match link.action:
                case "they register":
                    answer = await peer.register(link.invitation)
                case "they rotate":
                    answer = await peer.rotate()
                case "they unregister":
                    answer = await peer.unregister()
        except LostError as error:
            link.tell(link.action, "-> lost:", error)
            return
        link.tell(link.action, "->", answer)
        link.done = answer[1] == 1000 or (link.action == "they unregister" and answer[0] == 401)
        if link.done and peer.held:
            with contextlib.suppress(LostError):
                await peer.call("GET", "2.2.1/sender/locations", peer.held)

    async def _kill_server_within(self, seconds, involved):
        await asyncio.sleep(self.chance.uniform(0, seconds))
        if await self.gateway.kill():
            actions = "+".join(sorted({link.action for link in involved}))
            self.kills["server", actions if len(involved) == 1 else "several"] += 1
            for link in involved:
                link.tell("server killed")

    async def _we_begin(self):
        """Verbs of the command line register, rotate or unregister; they, the server or all are killed meanwhile."""
        involved = self.chance.sample(self.links, self.chance.randint(1, 3))
        async with asyncio.TaskGroup() as group:
            for link in involved:
                group.create_task(self._we_act(link))
            if self.chance.random() < _SERVER_DIES:
                link = self.chance.choice(involved)
                await link.peer.called(link.peer.calls + self.chance.randint(1, 6), within_seconds=1)
                await self._kill_server_within(0.02, involved)
        return involved

    async def _we_act(self, link):
        peer = link.peer
        verb = self.chance.choice(("rotate", "rotate", "unregister")) if link.registered else "register"
        link.action, link.done = f"we {verb}", False
        if verb == "register":
            link.invitation = peer.invite()
        calls = peer.calls
        process = await self.gateway.begin(*self._words(link))
        if self.chance.random() < _VERB_DIES:
            await self._wait_for_a_moment(process, peer, calls)
            if await process.kill():
                self.kills["verb", link.action] += 1
                link.tell("verb killed after", peer.calls - calls, "calls of", link.action)
        result = await process.result()
        link.done = result.exit_code == 0
        link.tell(link.action, "->", result.exit_code, (result.output + result.errors)[-400:])

    def _words(self, link):
        name, peer = link.peer.name, link.peer
        if link.action == "we register":
            return "partner", "register", name, "--versions-url", peer.versions_url, "--token-a", link.invitation
        return "partner", link.action.removeprefix("we "), name

    async def _wait_for_a_moment(self, process, peer, calls):
        """Mostly a moment between two requests, sometimes any."""
        if self.chance.random() < 0.15:
            await asyncio.sleep(self.chance.uniform(0, 0.4))
            return
        steps = 1 if "unregister" in process.words else self.chance.randint(1, 4)
        await peer.called(calls + steps, within_seconds=3)
        await asyncio.sleep(self.chance.choice((0, self.chance.uniform(0, 0.02), self.chance.uniform(0, 0.15))))

    # Settling: the documented ways, and nothing else.

    async def _settle(self, link):
        for _ in range(_ATTEMPTS):
            settled = await (self._they_settle(link) if link.action.startswith("they") else self._we_settle(link))
            if settled:
                link.registered = not link.action.endswith("unregister")
                return
        raise AssertionError(f"{link.action} does not come to an end")

    async def _they_settle(self, link):
        """The partner repeats its request until it has its answer."""
        if link.done:
            return True
        self.ways["repeated by the partner"] += 1
        await self._they_act(link)
        return link.done

    async def _we_settle(self, link):
        record = await self._record(link)
        state = record.partner.state if record else PartnerState.UNREGISTERED
        link.tell("settling", link.action, "from", state)
        if state is PartnerState.HALF_OPEN:
            return await self._leave_half_open(link, record)
        match link.action:
            case "we register":
                return await self._settle_register(link, state)
            case "we rotate":
                return await self._settle_rotate(link)
            case _:
                return await self._settle_unregister(link, state)

    async def _settle_register(self, link, state):
        if state is PartnerState.REGISTERED:
            return True
        if state is PartnerState.REGISTERING:
            self.ways["register NAME"] += 1
            await self._do(link, "partner", "register", link.peer.name)
        else:
            assert not link.peer.held, "a registration that the partner has is lost"
            self.ways["register NAME again with both options"] += 1
            await self._do(link, *self._words(link))
        return False

    async def _settle_rotate(self, link):
        """An interrupted rotation is resumed by the running server; the operator may also do it."""
        if link.done or not await self._is_interrupted(link):
            return True
        if self.chance.random() < 0.5:
            self.ways["rotate NAME"] += 1
            await self._do(link, "partner", "rotate", link.peer.name)
            return False
        record = await self._record(link)
        if record.retry_at is not None:  # it failed and was noted: not before a quarter of an hour
            await self._do(link, "partner", "rotate", link.peer.name)
            return False
        self.ways["rotation resumed by the server"] += 1
        await self._by_upkeep(link, self._is_not_interrupted)
        return False

    async def _settle_unregister(self, link, state):
        if state is PartnerState.UNREGISTERED:
            return True
        record = await self._record(link)
        if record.partner.leaving and record.retry_at is None and self.chance.random() < 0.5:
            self.ways["unregistration resumed by the server"] += 1
            await self._by_upkeep(link, self._is_unregistered)
        else:
            self.ways["unregister NAME"] += 1
            await self._do(link, "partner", "unregister", link.peer.name)
        return False

    async def _leave_half_open(self, link, record):
        """The ways that the note names: the partner sends a PUT, or it invites us again. It can call us meanwhile."""
        peer = link.peer
        assert "PUT credentials, or to invite us again" in (record.note or ""), f"HALF_OPEN, but noted: {record.note}"
        http_status = await self._calls_in(peer)  # though its parties may stand only in the answer that was lost
        assert http_status == 200, f"HALF_OPEN, and calls of the partner are answered {http_status}"
        if self.chance.random() < 0.5:
            self.ways["HALF_OPEN: the partner PUTs"] += 1
            link.tell("HALF_OPEN: PUT ->", await peer.rotate())
        else:
            self.ways["HALF_OPEN: invited again"] += 1
            link.action, link.invitation = "we register", peer.invite()
            await self._do(link, *self._words(link))
        if link.action != "we unregister":
            link.action, link.done = "we register", True
        return False

    async def _do(self, link, *words):
        """A verb that nobody kills; gives whether it succeeded."""
        result = await self.gateway.run(*words)
        link.tell(" ".join(words[:3]), "->", result.exit_code, (result.output + result.errors)[-600:])
        if result.exit_code and "already under way" in result.errors:
            await asyncio.sleep(0.2)

    async def _by_upkeep(self, link, reached):
        """Wait for the running server; at its start it looks at once, later every five seconds."""
        deadline = time.monotonic() + _UPKEEP_SECONDS
        while not await reached(link):
            if time.monotonic() > deadline:
                raise AssertionError(f"the server did not take up {link.action}")
            await asyncio.sleep(_POLL_SECONDS)

    # Looking.

    async def _check(self, link):
        peer = link.peer
        record = await self._record(link)
        others = [one for one in await self.verbs.partners() if one.partner.name == peer.name]
        assert len(others) == 1, "one partner record"
        if link.registered:
            assert record.partner.state is PartnerState.REGISTERED, record.partner.state
            assert peer.held, "the gateway is registered, the partner is not"
            assert await self._calls_in(peer) == 200, "the partner's calls are refused"
            await self._until_calls_out(peer, 200)
        else:
            assert record.partner.state is PartnerState.UNREGISTERED, record.partner.state
            assert not peer.held, "the partner is registered, the gateway is not"
            await self._until_calls_out(peer, 409)
        await self._check_tokens(link)
        self._check_arrivals(peer)

    async def _check_tokens(self, link):
        record = await self._record(link)
        states = collections.Counter(one.state for one in record.inbound_tokens if one.kind is TokenKind.CREDENTIALS)
        assert all(states[state] <= most for state, most in _LIMITS.items()), f"too many inbound tokens: {states}"
        for token in link.peer.retired[-3:]:
            for _ in range(20):  # the server follows the command line within a second
                http_status, _ = await link.peer.call("GET", "versions", token)
                if http_status == 401:
                    break
                await asyncio.sleep(_POLL_SECONDS)
            assert http_status == 401, "a token that was replaced is still good"

    def _check_arrivals(self, peer):
        attempts = collections.Counter((one.method, one.attempt) for one in peer.arrivals)
        assert max(attempts.values(), default=0) <= 1, f"sent more than once in one attempt: {attempts.most_common(1)}"
        given = collections.defaultdict(set)
        for one in peer.arrivals:
            if one.method != "DELETE":
                given[one.presented].add(one.given)
        assert all(len(tokens) == 1 for tokens in given.values()), "an attempt was repeated with another token"

    async def _calls_in(self, peer):
        http_status, _ = await peer.call("GET", "2.2.1/sender/locations", peer.held)
        return http_status

    async def _until_calls_out(self, peer, http_status):
        """Our backend's calls to the partner end like this; the server follows the command line within a second."""
        url = f"{self.gateway.private_url}/partners/{peer.name}/sender/tokens"
        for _ in range(60):
            answer, body, _ = await self.backend.call("GET", url)
            if answer == http_status:
                return
            await asyncio.sleep(_POLL_SECONDS)
        raise AssertionError(f"the backend's calls are answered {answer}, not {http_status}: {body}")

    async def _record(self, link):
        try:
            return await self.verbs.partner(link.peer.name)
        except UnknownPartnerError:
            return None

    async def _is_interrupted(self, link):
        record = await self._record(link)
        return record.partner.state is PartnerState.REGISTERED and any(
            one.state is TokenState.PENDING and not one.provable for one in record.inbound_tokens
        )

    async def _is_not_interrupted(self, link):
        return not await self._is_interrupted(link)

    async def _is_unregistered(self, link):
        return (await self._record(link)).partner.state is PartnerState.UNREGISTERED

    async def _verify(self):
        verdict = await self.gateway.run("audit", "--verify")
        assert verdict.exit_code == 0, f"the audit trail is broken: {verdict}"


@contextlib.asynccontextmanager
async def rigged(folder, seed):
    """A loop over everything that it needs, running."""
    chance = random.Random(seed)
    async with contextlib.AsyncExitStack() as stack:
        backend = await stack.enter_async_context(Backend())
        backend.offer("/locations", [])
        gateway = KillableGateway(
            nursery=stack.enter_context(Nursery()),
            folder=folder,
            backend_url=backend.url,
            limits={"unknown_token_refreshes_per_second": 1000},
            refresh_seconds=0.2,
        )
        await stack.enter_async_context(gateway)
        document = json.dumps(gateway.configuration)
        config = load_text(document, source="kill loop", environ={}).config
        verbs = await stack.enter_async_context(operations(config, remark=lambda _: None))
        links = []
        for number in range(_PARTNERS):
            peer = Counterpart(
                f"peer{number}", f"P0{number}", gateway.public_url, patient=number % 2 == 0, chance=chance
            )
            links.append(Link(await stack.enter_async_context(peer.running())))
        loop = Loop(gateway, backend, verbs, links, chance)
        yield loop
        _check_secrets(gateway, links)


def _check_secrets(gateway, links):
    """None of thousands of tokens stands in any file that the gateway wrote."""
    written = b"".join(file.read_bytes() for file in gateway.files())
    found = [token for link in links for token in link.peer.secrets if token and token.encode() in written]
    assert not found, f"{len(found)} tokens stand in files of the gateway"


async def _main(kills, seed):
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        async with rigged(Path(folder), seed) as loop:
            try:
                await loop.run(kills)
            finally:
                took = time.monotonic() - started
                sys.stdout.write(f"killed: {_counted(loop.kills)}\nways out: {_counted(loop.ways)}\n")
        sys.stdout.write(
            f"kill-loop: {loop.killed} kills in {loop.rounds} rounds, {took:.0f} s: 0 lost registrations, 0 lock-outs, "
            f"0 double effects, seed {seed}\n"
        )


def _counted(counter):
    return "; ".join(f"{' '.join(key) if isinstance(key, tuple) else key} {n}" for key, n in counter.most_common())


def main():
    """The command line of `make kill-loop`."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--kills", type=int, default=500)
    arguments.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    chosen = arguments.parse_args()
    sys.stdout.write(f"seed {chosen.seed}, process {os.getpid()}\n")
    sys.stdout.flush()
    asyncio.run(_main(chosen.kills, chosen.seed))


if __name__ == "__main__":
    main()
