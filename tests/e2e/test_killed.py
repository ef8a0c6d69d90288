"""A real process that is killed at each moment of each handshake, and the next one that goes on: handshake.md, every
row with a crash. After each of them the invariants I1 to I8 are checked (`faulty`).
"""

import asyncio
import json
import sys

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.fixture
def killed_at_each_moment(tmp_path):
    """Runs a handshake as often as it has moments; gives by kind of moment how many there were."""

    async def run(flow):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.e2e.faulty", flow, "killed", str(tmp_path)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()[-4000:]
        return {moment: len(found) for moment, found in json.loads(output).items()}

    return run


def moments(*, requests, commits, said=0):
    """How many of each kind there are in a handshake."""
    return {"request": requests, "answer": requests, "commit": commits, "committed": commits, "said": said}


@pytest.mark.ways("kill")
async def test_rp1_rp5_rp6_rp8_store_stop_while_the_partner_posts(killed_at_each_moment):
    assert await killed_at_each_moment("accept") == moments(requests=2, commits=3, said=1)


@pytest.mark.ways("kill")
async def test_ru1_ru3_ru4_ru5_store_stop_while_the_partner_puts(killed_at_each_moment):
    assert await killed_at_each_moment("renew") == moments(requests=2, commits=2, said=1)


@pytest.mark.ways("kill")
async def test_rd1_rd2_store_stop_while_the_partner_deletes(killed_at_each_moment):
    assert await killed_at_each_moment("leave") == moments(requests=0, commits=1, said=1)


@pytest.mark.ways("kill")
async def test_sp1_sp3_sp4_sp5_store_stop_while_we_post(killed_at_each_moment):
    assert await killed_at_each_moment("register") == moments(requests=3, commits=3)


@pytest.mark.ways("kill")
@pytest.mark.parametrize("flow", ["rotate", "overtaken"], ids=["and go on", "and they use our next token meanwhile"])
async def test_su1_su3_su4_su5_su6_store_stop_while_we_put(killed_at_each_moment, flow):
    assert await killed_at_each_moment(flow) == moments(requests=3, commits=3)


@pytest.mark.ways("kill")
async def test_sd1_sd2_su6_store_stop_while_we_delete(killed_at_each_moment):
    assert await killed_at_each_moment("unregister") == moments(requests=1, commits=2)
