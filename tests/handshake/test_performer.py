"""The performer: carries out what a flow asks, and throws what went wrong back into it."""

import asyncio

import pytest

from gateway.handshake.performer import perform
from gateway.ocpi.errors import InternalError, PartnerError
from gateway.ocpi.flow import Fetch, Reply
from gateway.ocpi.lifecycle import Unregistered

ASKED = Fetch("GET versions", "GET", "https://a.example/", {})
REPLY = Reply(204, {}, b"")


async def no_fetch(_request):
    raise AssertionError("nothing is to be fetched")


async def no_save(_change):
    raise AssertionError("nothing is to be saved")


async def test_requests_are_fetched_and_changes_saved_in_the_order_of_the_flow():
    done, told = [], []

    def flow():
        received = yield ASKED
        saved = yield Unregistered()
        return received, saved

    async def fetch(request):
        done.append(request)
        return REPLY

    async def save(change):
        done.append(change)

    outcome = await perform(flow(), fetch=fetch, save=save, progress=lambda *words: told.append(words))

    assert outcome == (REPLY, None)
    assert done == [ASKED, Unregistered()]
    assert told == [("GET versions", "HTTP 204")]


async def test_a_flow_that_asks_nothing_just_ends():
    def flow():
        return 5
        yield

    assert await perform(flow(), fetch=no_fetch, save=no_save) == 5


async def test_an_error_of_a_request_is_thrown_into_the_flow_which_may_go_on():
    told = []

    def flow():
        try:
            yield ASKED
        except PartnerError:
            return "gone on"

    async def fetch(_request):
        raise PartnerError("no route")

    assert await perform(flow(), fetch=fetch, save=no_save, progress=lambda *words: told.append(words)) == "gone on"
    assert told == [("GET versions", "no route")]


async def test_an_error_of_saving_ends_a_flow_that_does_not_catch_it():
    def flow():
        yield Unregistered()

    async def save(_change):
        raise InternalError("disk full")

    with pytest.raises(InternalError, match="disk full"):
        await perform(flow(), fetch=no_fetch, save=save)


async def test_a_cancellation_ends_it_where_it_stands():
    went_on = []

    def flow():
        try:
            yield ASKED
        except PartnerError:
            went_on.append(True)

    async def fetch(_request):
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await perform(flow(), fetch=fetch, save=no_save)
    assert went_on == []


async def test_a_flow_that_was_only_to_read_saves_nothing():
    def flow():
        yield Unregistered()

    with pytest.raises(InternalError, match="nothing was to be saved, but Unregistered was"):
        await perform(flow(), fetch=no_fetch)
