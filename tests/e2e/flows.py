"""Every handshake, with the documented way to its end after it was interrupted anywhere: see `faulty`.

register    we POST with the partner's TOKEN_A                 accept   the partner POSTs with ours
rotate      we PUT                                             renew    the partner PUTs
overtaken   we PUT, and they use our next token at once
unregister  we DELETE                                          leave    the partner DELETEs

The partner's platform is strict: a token that it replaced or that did its work is dead at once. What it did is kept
in a file, because it outlives us.
"""

import json
import pickle
from contextlib import suppress
from datetime import timedelta

from gateway.handshake.performer import silent
from gateway.observe.clock import utc_now
from gateway.ocpi.errors import GatewayError
from gateway.ocpi.flow import HandshakeError
from gateway.ocpi.vocabulary import PartnerState
from tests.handshake.faulty import FaultyStore
from tests.handshake.rig import Gateway, Platform, codes, document, reply, token_of
from tests.handshake.test_upkeep import Caretaker
from tests.ocpi.dialogue import CREDENTIALS_URL, credentials, envelope

NAME = "acme"
THEIR_TOKEN_A = "token-a-of-the-scripted-platform"
#: A gateway that goes on does so an hour later: whatever is to be tried again is due, and every grace is over.
_LATER = timedelta(hours=1)
_REFUSED = reply(envelope(status_code=2000), 401)


class Reaper:
    """Tells of the moments at which the process may be the victim of a test.

    request    a request of ours arrived, and their platform has not acted on it
    answer     it has, and its answer has not come
    commit     everything of a transaction is written, and nothing committed
    committed  it is, and nobody knows
    said       our answer is written to the partner's connection, and nothing else was done
    """

    MOMENTS = ("request", "answer", "commit", "committed", "said")

    def __init__(self, strike):
        """`strike` ends the process."""
        self._strike = strike
        self._moment, self._left = "", 0

    def arm(self, moment, number):
        """Strike at the so-manieth moment of this kind."""
        self._moment, self._left = moment, number

    def at(self, moment):
        """It is that moment."""
        if moment == self._moment:
            self._left -= 1
            if not self._left:
                self._strike()


class Theirs:
    """The partner's platform, and what it noted of each POST, PUT and DELETE: whether granted, our token in it."""

    def __init__(self, folder, reaper):
        self._file = folder / "theirs"
        self._reaper = reaper
        self._platform = Platform.usual()
        self._platform.answers["GET", CREDENTIALS_URL] = self._show
        for method in ("POST", "PUT", "DELETE"):
            self._platform.answers[method, CREDENTIALS_URL] = self._act

    async def serve(self, request):
        """Answer a request of ours."""
        self._reaper.at("request")
        answer = await self._platform.serve(request)
        self._reaper.at("answer")
        return answer

    def sent(self, *methods):
        """Our token in each request that came."""
        return [token for method, _, token in self._lines() if method in methods]

    def granted(self, *methods):
        """Our token in each request that was granted."""
        return [token for method, outcome, token in self._lines() if method in methods and outcome == "granted"]

    @property
    def token_c(self):
        """What it is to be called with; nothing once it has none."""
        given = len(self.granted("POST", "PUT"))
        return f"token-c-{given}-of-the-scripted-platform" if given and not self.granted("DELETE") else None

    @property
    def token_of_ours(self):
        """What it calls us with: the last it was given."""
        return self.granted("POST", "PUT")[-1]

    async def _show(self, request):
        known = token_of(request) == self.token_c
        return reply(
            envelope(credentials(self.token_c)) if known else envelope(status_code=2000), 200 if known else 401
        )

    async def _act(self, request):
        good = THEIR_TOKEN_A if request.method == "POST" and not self.granted("POST") else self.token_c
        granted = token_of(request) == good
        token = "-" if request.method == "DELETE" else json.loads(request.body)["token"]
        with self._file.open("a") as file:
            file.write(f"{request.method} {'granted' if granted else 'refused'} {token}\n")
        if not granted:
            return _REFUSED
        return reply(envelope(credentials(self.token_c) if self.token_c else None))

    def _lines(self):
        return [line.split() for line in self._file.read_text().splitlines()] if self._file.exists() else []


class Flow:
    """One kind of handshake.

    Args:
        folder: holds what outlives a process.
    """

    def __init__(self, folder, reaper):
        self._memory, self._outcome, self._reaper = folder / "memory", folder / "outcome", reaper
        self.theirs = Theirs(folder, reaper)

    async def prepare(self, gateway):
        """What came before it."""

    async def begin(self, gateway):
        """Do it, as far as it goes."""

    async def end(self, gateway, outcome):
        """The documented way to its end, and what has to be so then."""

    def gateway(self, store, vault, *, later=False):
        """A process of the gateway that knows what those before it saw."""
        gateway = Gateway(store, vault, (lambda: utc_now() + _LATER) if later else utc_now, reach=self.theirs.serve)
        if self._memory.exists():
            gateway.known.tokens, gateway.known.told, store.history = pickle.loads(self._memory.read_bytes())
        for name in ("post", "put", "delete"):
            setattr(gateway.responder, name, self._noting_answer(getattr(gateway.responder, name)))
        store.remember = lambda: self._memory.write_bytes(
            pickle.dumps((gateway.known.tokens, gateway.known.told, store.history))
        )
        store.reaper = self._reaper
        return gateway

    def outcome(self):
        """What came of it, in the process that began it."""
        return json.loads(self._outcome.read_text()) if self._outcome.exists() else {}

    def _came_to(self, **outcome):
        self._outcome.write_text(json.dumps(outcome))

    def _noting_answer(self, answering):
        async def answered(*arguments):
            """The answer is written before anything else is noted: the partner has it, whatever becomes of us."""
            answer = await answering(*arguments)
            data = json.loads(answer.body(utc_now())).get("data") or {}
            self._came_to(said=[200, 1000], token=data.get("token"), trouble=False)
            self._reaper.at("said")
            return answer

        return answered

    async def _tries(self, gateway, doing):
        """We do something, which may fail."""
        try:
            await doing
        except GatewayError as error:
            self._came_to(failed=str(error), trouble=gateway.store.trouble is not None)

    async def _asks(self, gateway, *request):
        """The partner asks for something, which may fail; a token that it is given it uses at once."""
        answer = await gateway.presents(*request)
        if codes(answer) != (200, 1000):
            self._came_to(said=codes(answer), trouble=gateway.store.trouble is not None)
        elif "data" in document(answer):
            await gateway.opens(document(answer)["data"]["token"])


class Register(Flow):
    """SP1 to SP6."""

    async def begin(self, gateway):
        await self._tries(gateway, gateway.register(NAME, THEIR_TOKEN_A))
        if self.theirs.granted("POST"):
            await gateway.opens(self.theirs.token_of_ours)

    async def end(self, gateway, _outcome):
        """Resume, or begin again where nothing was kept; HALF_OPEN where the answer was lost, until they PUT."""
        posted = self.theirs.granted("POST")
        records = {one.partner.name: one for one in await gateway.operations.partners()}
        state = records[NAME].partner.state if NAME in records else PartnerState.UNREGISTERED
        try:
            if state is PartnerState.UNREGISTERED:
                assert not posted, "something was posted that is not known here"
                await gateway.register(NAME, THEIR_TOKEN_A)
            elif state is PartnerState.REGISTERING:
                await gateway.resume(NAME)
        except GatewayError:
            assert posted, "the platform refused what it never had"
            await self.made_whole_by_them(gateway)
        assert len(set(self.theirs.sent("POST"))) == 1, "a retry sends the same TOKEN_B (rule 4)"
        await self.both_hold(gateway)

    async def made_whole_by_them(self, gateway):
        """What the operator is told to ask the partner for: a PUT."""
        assert (await gateway.partner(NAME)).state is PartnerState.HALF_OPEN
        answer = await gateway.presents("PUT", self.theirs.token_of_ours, credentials(self.theirs.token_c))
        assert codes(answer) == (200, 1000), "they are locked out"
        assert await gateway.opens(document(answer)["data"]["token"])

    async def both_hold(self, gateway):
        """Each side has the token that the other knows."""
        partner = await gateway.partner(NAME)
        assert (partner.state, partner.outbound_token) == (PartnerState.REGISTERED, self.theirs.token_c)
        assert await gateway.opens(self.theirs.token_of_ours), "they are locked out"


class Rotate(Register):
    """SU1 to SU6."""

    async def prepare(self, gateway):
        await gateway.register(NAME, THEIR_TOKEN_A)
        assert await gateway.opens(self.theirs.token_of_ours)

    async def begin(self, gateway):
        await self._tries(gateway, gateway.rotate(NAME))
        await gateway.opens(self.theirs.token_of_ours)

    async def end(self, gateway, _outcome):
        """A running gateway ends it; where they replaced the token that we call them with, they PUT."""
        await Caretaker(gateway).passes()
        put = self.theirs.granted("PUT")
        if (await gateway.partner(NAME)).state is PartnerState.HALF_OPEN:
            assert put, "the platform refused what it never had"
            await self.made_whole_by_them(gateway)
        elif not put:
            await gateway.rotate(NAME)
        assert len(set(self.theirs.sent("PUT"))) == 1, "a retry sends the same token (rule 4)"
        await self.both_hold(gateway)


class Overtaken(Rotate):
    """SU3 and SU5: they use our next token before we go on, so nothing is left to resume."""

    async def end(self, gateway, outcome):
        """That the token we call them with is dead, we see by what it comes to."""
        assert await gateway.opens(self.theirs.token_of_ours), "they are locked out"
        while self.theirs.granted("PUT") and await self._seems_well(gateway):
            with suppress(HandshakeError):
                await gateway.inspector.look(NAME, progress=silent)
        await super().end(gateway, outcome)

    async def _seems_well(self, gateway):
        partner = await gateway.partner(NAME)
        assert partner.outbound_refusals <= gateway.registrar.trust.refusals
        return partner.state is PartnerState.REGISTERED and partner.outbound_token != self.theirs.token_c


class Unregister(Rotate):
    """SD1."""

    async def begin(self, gateway):
        await self._tries(gateway, gateway.unregister(NAME))

    async def end(self, gateway, _outcome):
        """A running gateway ends it; where nothing was begun, we do it again."""
        await Caretaker(gateway).passes()
        if (await gateway.partner(NAME)).state is not PartnerState.UNREGISTERED:
            assert not self.theirs.granted("DELETE"), "they were told, and nobody here goes on"
            assert await gateway.opens(self.theirs.token_of_ours), "they are locked out"
            await gateway.unregister(NAME)
        assert (await gateway.partner(NAME)).state is PartnerState.UNREGISTERED
        assert len(self.theirs.granted("DELETE")) == 1
        await gateway.directory.refresh()
        assert not await gateway.opens(self.theirs.token_of_ours)


class Accept(Flow):
    """RP1 to RP8."""

    async def prepare(self, gateway):
        self.token_a = (await gateway.operations.invite(NAME)).invitation_token

    async def begin(self, gateway):
        await self._asks(gateway, "POST", self.token_a, credentials())

    async def end(self, gateway, outcome):
        """A TOKEN_C that was answered works; else TOKEN_A may repeat its POST. Then TOKEN_A is dead."""
        token = outcome.get("token")
        if not token:
            answer = await gateway.presents("POST", self.token_a, credentials())
            assert codes(answer) == (200, 1000), answer
            token = document(answer)["data"]["token"]
        assert await gateway.opens(token), "TOKEN_C is lost"
        assert codes(await gateway.asks("GET", "/ocpi/versions", self.token_a))[0] == 401, "TOKEN_A lives on"
        assert (await gateway.partner(NAME)).state is PartnerState.REGISTERED


class Renew(Accept):
    """RU3 to RU5."""

    async def prepare(self, gateway):
        await super().prepare(gateway)
        answer = await gateway.presents("POST", self.token_a, credentials())
        self.token_c = document(answer)["data"]["token"]
        assert await gateway.opens(self.token_c)

    async def begin(self, gateway):
        await self._asks(gateway, "PUT", self.token_c, credentials("their-next-token"))

    async def end(self, gateway, outcome):
        """The next token works if it was answered; else the one before may PUT again. Then that one is dead."""
        token = outcome.get("token")
        if not token:
            answer = await gateway.presents("PUT", self.token_c, credentials("their-next-token"))
            assert codes(answer) == (200, 1000), answer
            token = document(answer)["data"]["token"]
        assert await gateway.opens(token), "the next token is lost"
        assert codes(await gateway.presents("PUT", self.token_c, credentials()))[0] == 401, "the one before lives on"
        assert (await gateway.partner(NAME)).outbound_token == "their-next-token"


class Leave(Renew):
    """RD1 and RD2."""

    async def begin(self, gateway):
        await self._asks(gateway, "DELETE", self.token_c)

    async def end(self, gateway, _outcome):
        """They may say it again, whatever came of it."""
        assert codes(await gateway.presents("DELETE", self.token_c)) == (200, 1000)
        assert not await gateway.opens(self.token_c)
        assert (await gateway.partner(NAME)).state is PartnerState.UNREGISTERED


FLOWS = {flow.__name__.lower(): flow for flow in (Register, Rotate, Overtaken, Unregister, Accept, Renew, Leave)}


class MortalStore(FaultyStore):
    """A store whose process may end around each commit; what it did until then is remembered.

    Attributes:
        remember: keeps it.
        reaper: told of each moment.
    """

    def __init__(self, url):
        super().__init__(url)
        self.remember, self.reaper = (lambda: None), Reaper(lambda: None)

    async def write(self, work):
        def last(connection):
            done = work(connection)
            self.reaper.at("commit")
            return done

        done = await super().write(last)
        self.reaper.at("committed")
        return done

    def _witnessed(self, work):
        witnessed = super()._witnessed(work)

        def remembered(connection):
            done = witnessed(connection)
            self.remember()
            return done

        return remembered
