"""The gateway against itself in both roles, with each request of each handshake failing once in each way."""

import pytest

from gateway.ocpi.flow import HandshakeError
from gateway.ocpi.vocabulary import PartnerState
from gateway.store.keys import open_vault
from gateway.store.migrate import migrate
from tests.handshake.faulty import FaultyStore
from tests.handshake.invariants import hold
from tests.handshake.rig import Gateway, document, lost, request_of, unreachable

S = PartnerState


class World:
    """Two gateways that reach one another, over a wire that can be cut.

    Attributes:
        wire: what went over it: the name of the caller and the method.
        fault: at which request what happens: `unsent` or `unanswered`.
    """

    def __init__(self, make):
        self.wire, self.fault = [], {}
        self.cpo = make("cpo.example.com", "NL-CPO:CPO", self.reach)
        self.emsp = make("emsp.example.com", "NL-MSP:EMSP", self.reach)

    def restart(self):
        self.cpo, self.emsp = self.cpo.restarted(), self.emsp.restarted()

    async def reach(self, request):
        """Carry a request to the gateway that its URL names."""
        callee = self.cpo if request.url.startswith(self.cpo.url) else self.emsp
        number = len(self.wire)
        self.wire.append(f"{'cpo' if callee is self.emsp else 'emsp'} {request.method}")
        match self.fault.pop(number, None):
            case "unsent":
                raise unreachable()
            case "unanswered":
                callee.loses_answers = True
                try:
                    await callee.serve(request)
                finally:
                    callee.loses_answers = False
                raise lost()
        return await callee.serve(request)

    async def invite(self):
        """The CPO invites the eMSP."""
        return (await self.cpo.operations.invite("emsp")).invitation_token

    async def registers(self):
        """The eMSP registers with the CPO."""
        return await self.emsp.register("cpo", await self.invite(), self.cpo.versions_url)

    async def both_call(self):
        """Whether each side can call the functional modules of the other with the token that it holds."""
        for caller, callee, name in ((self.emsp, self.cpo, "cpo"), (self.cpo, self.emsp, "emsp")):
            await callee.directory.refresh()
            token = (await caller.partner(name)).outbound_token
            url = f"{callee.url}/ocpi/2.2.1/sender/locations"
            if token is None or (await callee.serve(request_of("GET", url, token))).http_status != 200:
                return False
        return True

    async def states(self):
        return (await self.cpo.partner("emsp")).state, (await self.emsp.partner("cpo")).state


@pytest.fixture
async def world(tmp_path, keyring, clock):
    stores = [FaultyStore(f"sqlite:///{tmp_path}/{name}.db") for name in ("cpo", "emsp")]
    vaults = []
    for store in stores:
        await super(FaultyStore, store).write(migrate)
        vaults.append(await store.write(lambda connection: open_vault(connection, keyring, now=clock())))
    pairs = iter(zip(stores, vaults, strict=True))
    made = World(lambda host, us, reach: Gateway(*next(pairs), clock, reach=reach, host=host, us=us))
    yield made
    for gateway in (made.cpo, made.emsp):
        await hold(gateway)
    for store in stores:
        await store.close()


async def test_they_register_rotate_and_part(world):
    await world.registers()
    assert world.wire == ["emsp GET", "emsp GET", "emsp POST", "cpo GET", "cpo GET"]
    assert await world.states() == (S.REGISTERED, S.REGISTERED)
    assert await world.both_call()

    await world.emsp.rotate("cpo")
    assert await world.both_call()
    await world.cpo.rotate("emsp")
    assert await world.both_call()
    world.restart()
    assert await world.both_call()

    await world.emsp.unregister("cpo")
    assert await world.states() == (S.UNREGISTERED, S.UNREGISTERED)
    assert not await world.both_call()

    await world.registers()
    assert await world.both_call()


async def test_rp8_after_it_a_dead_token_a_opens_nothing_at_either_side(world):
    token = await world.invite()
    await world.emsp.register("cpo", token, world.cpo.versions_url)

    for path in ("versions", "2.2.1", "2.2.1/credentials", "2.2.1/sender/locations"):
        assert (await world.cpo.asks("GET", f"/ocpi/{path}", token)).http_status == 401


@pytest.mark.parametrize("restart", [False, True], ids=["same process", "restarted"])
@pytest.mark.parametrize("fault", ["unsent", "unanswered"])
@pytest.mark.parametrize("number", range(5))
@pytest.mark.ways("error", "lost answer")
async def test_sp1_sp4_rp6_a_registration_that_failed_anywhere_is_resumed_to_its_end(world, number, fault, restart):
    world.fault[number] = fault
    with pytest.raises(HandshakeError):
        await world.registers()
    if restart:
        world.restart()

    await world.emsp.resume("cpo")

    assert await world.states() == (S.REGISTERED, S.REGISTERED)
    assert await world.both_call()
    for name, gateway in (("emsp", world.cpo), ("cpo", world.emsp)):
        assert await gateway.books.states(name) == ["active"]


@pytest.mark.parametrize("fault", ["unsent", "unanswered"])
@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("side", ["cpo", "emsp"])
@pytest.mark.ways("error", "lost answer")
async def test_su2_su3_ru4_a_rotation_that_failed_anywhere_leaves_both_tokens_working_and_is_repeated(
    world, side, number, fault
):
    await world.registers()
    assert await world.both_call()
    world.wire.clear()
    world.fault[number] = fault
    gateway, name = (world.cpo, "emsp") if side == "cpo" else (world.emsp, "cpo")

    with pytest.raises(HandshakeError):
        await gateway.rotate(name)
    world.restart()
    assert await world.both_call()

    gateway = getattr(world, side)
    await gateway.rotate(name)
    assert await world.both_call()
    assert await world.states() == (S.REGISTERED, S.REGISTERED)


@pytest.mark.parametrize(("fault", "told"), [("unsent", S.REGISTERED), ("unanswered", S.UNREGISTERED)])
@pytest.mark.ways("error", "lost answer")
async def test_sd2_rd2_a_delete_that_failed_is_repeated(world, fault, told):
    await world.registers()
    assert await world.both_call()
    world.wire.clear()
    world.fault[0] = fault
    with pytest.raises(HandshakeError):
        await world.emsp.unregister("cpo")
    assert await world.states() == (told, S.REGISTERED)

    await world.emsp.unregister("cpo")

    assert await world.states() == (S.UNREGISTERED, S.UNREGISTERED)


@pytest.mark.ways("lost answer")
async def test_rp8_a_lost_delivery_and_a_used_token_c_both_end_token_a(world):
    """The answer never came, but the partner got its TOKEN_C by repeating, and uses it."""
    world.fault[2] = "unanswered"
    token = await world.invite()
    with pytest.raises(HandshakeError):
        await world.emsp.register("cpo", token, world.cpo.versions_url)
    await world.emsp.resume("cpo")
    assert await world.both_call()

    answer = await world.cpo.presents("POST", token, document(await world.cpo.asks("GET", "/ocpi/versions", token)))
    assert answer.http_status == 401
