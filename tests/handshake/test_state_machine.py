"""Two gateways, any acts in any order, anything failing: the laws of handshake.md hold, and a way leads back.

`make search` looks much longer, with another seed each time.
"""

import asyncio
import os

import pytest
from hypothesis import HealthCheck, Phase, note, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from gateway.store.vault import Keyring
from tests.conftest import OPERATOR_KEY
from tests.handshake.laws import WayBack, check, check_at_the_end, check_trust
from tests.handshake.world import FAIR, Crossed, Failure, Fate, Templates, Trouble, Weather

#: The seed of a search (`make search`); without one a few runs are made, always the same.
SEED = os.environ.get("OCPI_GATEWAY_SEARCH")
PARTS, RUNS, STEPS = (20, 50, 50) if SEED else (1, 4, 25)

sides = st.sampled_from(["cpo", "emsp"])
failures = st.builds(
    Failure, sides, number=st.integers(0, 6), trouble=st.sampled_from(Trouble), writes=st.sampled_from([1, 2, 5])
)


def weathers(*crossings):
    """What may go wrong during an act; `crossings` is what may be done while a request is under way."""
    fate = st.one_of(
        st.just(Fate.DELIVERED), st.sampled_from(Fate), st.builds(Crossed, sides, st.sampled_from(crossings))
    )
    fates = st.lists(fate, max_size=7).map(tuple)
    return st.one_of(st.just(FAIR), st.builds(Weather, fates, st.none()), st.builds(Weather, fates, failures))


mishaps = weathers("rotate", "upkeep", "call", "restart")
quarrels = weathers("rotate", "call", "invite", "unregister", "revoke", "suspend")


@pytest.fixture(scope="module")
def templates(tmp_path_factory):
    return Templates(tmp_path_factory.mktemp("worlds"), Keyring([OPERATOR_KEY]))


class Peace(RuleBasedStateMachine):
    """Nobody ends anything on purpose: they register, rotate and call, and the network and processes fail.

    Attributes:
        templates: makes the worlds; set where the machine is run.
        operators: whether the way back may need more than a running gateway and `register` resumed.
    """

    templates, operators = None, False

    def __init__(self):
        super().__init__()
        self.runner, self.whole = asyncio.Runner(), True
        self.world = self.templates.world()

    def run(self, work):
        """Run it in this machine's loop; once something failed there is nothing more to find out."""
        self.whole, whole = False, self.whole
        done = self.runner.run(work)
        self.whole = whole
        return done

    def teardown(self):
        try:
            if self.whole:
                self.heals()
                self.run(check_at_the_end(self.world))
        finally:
            note("\n".join(self.world.log))
            self.runner.run(self.world.close())
            self.runner.close()

    def act(self, side, verb, weather=FAIR):
        return self.run(self.world.act(side, verb, weather))

    @initialize(side=sides, weather=mishaps)
    def meets(self, side, weather):
        self.act(self.world.sides[side].partner, "invite")
        self.act(side, "register", weather)
        self.heals(operators=True)

    @rule(side=sides, verb=st.sampled_from(["rotate", "rotate", "upkeep", "refresh"]), weather=mishaps)
    def goes_on(self, side, verb, weather):
        self.act(side, verb, weather)

    @rule(side=sides, weather=mishaps)
    def calls(self, side, weather):
        self.act(side, "call", weather)

    @rule(side=sides)
    def restarts(self, side):
        self.act(side, "restart")

    @rule(by=st.sampled_from([{"seconds": 5}, {"seconds": 61}, {"minutes": 17}]))
    def a_moment_passes(self, by):
        self.world.clock.move(**by)

    @rule(by=st.sampled_from([{"hours": 5}, {"days": 1}, {"days": 35}]))
    def days_pass(self, by):
        """On a network that works, because a rotation must not stay interrupted for longer than its token lives."""
        self.heals()
        self.world.clock.move(**by)

    def heals(self, *, operators=None):
        way = WayBack(self.world)
        back = self.run(way.leads_back(operators=self.operators if operators is None else operators))
        assert back, f"I1: no way back; tried {way.acts}; {self.run(self.world.states())}"

    @invariant()
    def the_laws_hold(self):
        self.run(check(self.world))
        if not self.operators:
            self.run(check_trust(self.world))


class Strife(Peace):
    """Operators invite, part, revoke and suspend besides, and the clock is put back."""

    operators, mended = True, 0

    @rule(side=sides, verb=st.sampled_from(["invite", "register"]), weather=quarrels)
    def meets_again(self, side, verb, weather):
        self.act(side, verb, weather)

    @rule(side=sides, weather=quarrels)
    def joins(self, side, weather):
        self.act(self.world.sides[side].partner, "invite")
        self.act(side, "register", weather)

    @rule(side=sides, weather=quarrels)
    def resumes(self, side, weather):
        self.act(side, "resume", weather)

    @rule(side=sides, verb=st.sampled_from(["unregister", "force", "revoke", "suspend", "unsuspend"]), weather=quarrels)
    def parts(self, side, verb, weather):
        self.act(side, verb, weather)

    @rule(by=st.sampled_from([{"hours": 5}, {"days": 1}, {"days": 35}, {"days": -1}]))
    def the_clock_jumps(self, by):
        self.world.clock.move(**by)

    @precondition(lambda self: len(self.world.log) > self.mended + 60)
    @rule()
    def all_is_mended(self):
        self.heals()

    def heals(self, **means):
        super().heals(**means)
        self.mended = len(self.world.log)


@pytest.mark.timeout(0 if SEED else 120)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("machine", [Strife, Peace])
def test_whatever_fails_the_laws_hold_and_a_way_leads_back(machine, part, templates):
    machine = type(machine.__name__, (machine,), {"templates": templates})
    searched = settings(
        max_examples=RUNS,
        stateful_step_count=STEPS,
        derandomize=SEED is None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    run_state_machine_as_test(machine if SEED is None else seed(f"{SEED} {part}")(machine), settings=searched)
