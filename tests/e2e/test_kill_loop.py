"""The short form of `make kill-loop`."""

import sys

import pytest

from tests.e2e.kill_loop import rigged

pytestmark = pytest.mark.e2e

_KILLS = 5
_SEED = 1


async def test_processes_killed_at_any_moment_of_a_handshake_lose_no_registration_and_lock_nobody_out(tmp_path):
    async with rigged(tmp_path, _SEED) as loop:
        await loop.run(_KILLS)

    assert loop.killed >= _KILLS
    sys.stdout.write(f"{loop.killed} killed: {dict(loop.kills)}\n")
