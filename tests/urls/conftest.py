"""One gateway for each module of tests, because hundreds of spellings go through it."""

from contextlib import suppress

import pytest_asyncio

from gateway.observe.events import Event
from gateway.ocpi.errors import GatewayError
from tests.urls.stage import staged


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def _stage(tmp_path_factory):
    async with staged(tmp_path_factory.mktemp("stage")) as stage:
        yield stage


@pytest_asyncio.fixture(loop_scope="module")
async def stage(_stage):
    """A whole gateway with a partner whose every answer can be bent."""
    _stage.begin()
    yield _stage
    with suppress(GatewayError):
        await _stage.gateway.verbs.revoke(_stage.partner)  # another test's partner is the same party
    assert [line for line in _stage.gateway.log if line["event"] == Event.REQUEST_CRASHED] == []


@pytest_asyncio.fixture(loop_scope="module")
async def registered(stage):
    """The stage, with the partner registered."""
    await stage.register()
    return stage
