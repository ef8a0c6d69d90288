"""What the gateway accepts, others read the same way; `make readers` compares 10 000 messages with each of them."""

import contextlib

import pytest

from tests.readers import comparison
from tests.readers.messages import message
from tests.readers.others import NAMES, is_here
from tests.readers.ours import gateway
from tests.readers.reading import End, Read, Reading, Verdict, compare

_SEED, _COUNT = 1, 400
_ONE, _TWO = Read("POST", "/a", b"hello"), Read("GET", "/b", b"")


@pytest.mark.threat("T1", "R1", "R2", "R3", "R4", "R5", "R9", "R13")
@pytest.mark.parametrize("name", NAMES)
async def test_what_the_gateway_accepts_another_reads_the_same_way(name, tmp_path):
    if not is_here(name):
        pytest.skip(f"{name} is not installed here (.ci/run installs it)")
    result = await comparison.compared(name, tmp_path, seed=_SEED, count=_COUNT)
    assert not result.differences, result.differences[0]
    assert result.verdicts[Verdict.SAME] > _COUNT / 4


async def test_a_gateway_that_overlooks_an_encoding_is_found(tmp_path, monkeypatch):
    @contextlib.asynccontextmanager
    async def careless():
        async with gateway() as read:
            yield lambda number, raw: read(number, raw.replace(b"ransfer-", b"ransfer."))

    monkeypatch.setattr(comparison, "gateway", careless)
    assert (await comparison.compared("h11", tmp_path, seed=_SEED, count=_COUNT)).differences


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict"),
    [
        (Reading([_ONE, _TWO]), Reading([_ONE, _TWO]), Verdict.SAME),
        (Reading([_ONE], End.REFUSED), Reading([_ONE], End.CLOSED), Verdict.SAME),
        (Reading([_ONE]), Reading([Read("PUT", "/a", b"hello")]), Verdict.DIFFERENT),
        (Reading([_ONE]), Reading([Read("POST", "/A", b"hello")]), Verdict.DIFFERENT),
        (Reading([_ONE]), Reading([Read("POST", "/a", b"hell")], End.REFUSED), Verdict.DIFFERENT),
        (Reading([_ONE], End.REFUSED), Reading([_TWO, _ONE]), Verdict.DIFFERENT),
        (Reading([_ONE, _TWO]), Reading([_ONE], End.REFUSED), Verdict.STRICTER),
        (Reading([_ONE, _TWO]), Reading([_ONE], End.CLOSED), Verdict.STRICTER),
        (Reading([_ONE, _TWO]), Reading([_ONE]), Verdict.DIFFERENT),
        (Reading([_ONE]), Reading([_ONE, _TWO]), Verdict.DIFFERENT),
        (Reading([_ONE], End.REFUSED), Reading([_ONE, _TWO]), Verdict.BEYOND),
        (Reading([_ONE], End.CLOSED), Reading([_ONE, _TWO]), Verdict.BEYOND),
    ],
)
def test_a_reader_may_refuse_more_but_not_find_other_requests(ours, theirs, verdict):
    assert compare(ours, theirs) is verdict


def test_a_message_follows_from_its_seed_and_number():
    assert message(1, 2) == message(1, 2)
    assert len({message(seed, number) for seed in range(3) for number in range(3)}) == 9
