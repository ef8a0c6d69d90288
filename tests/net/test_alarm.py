"""An alarm goes off when its moment has come, and not otherwise, however often it was set anew."""

import asyncio

import pytest

from gateway.net.alarm import Alarm


@pytest.fixture
def rung():
    return asyncio.Event()


@pytest.fixture
async def alarm(rung):
    made = Alarm(asyncio.get_running_loop(), rung.set)
    yield made
    made.close()


async def test_it_goes_off_once_when_it_is_due(alarm, rung):
    alarm.set(0.01)
    await asyncio.wait_for(rung.wait(), 5)
    rung.clear()
    alarm.set(3600)
    assert not rung.is_set()


async def test_setting_it_later_puts_it_off_and_earlier_brings_it_forward(alarm, rung):
    loop = asyncio.get_running_loop()
    alarm.set(0.01)
    alarm.set(0.1)
    started = loop.time()
    await asyncio.wait_for(rung.wait(), 5)
    assert loop.time() - started > 0.05
    rung.clear()
    alarm.set(3600)
    alarm.set(0.01)
    await asyncio.wait_for(rung.wait(), 5)


async def test_one_that_is_off_or_closed_does_not_go_off(alarm, rung):
    alarm.set(0.01)
    alarm.off()
    other = Alarm(asyncio.get_running_loop(), rung.set)
    other.set(0.01)
    other.close()
    later = asyncio.Event()
    last = Alarm(asyncio.get_running_loop(), later.set)
    last.set(0.05)
    await asyncio.wait_for(later.wait(), 5)
    assert not rung.is_set()


async def test_one_that_was_off_when_its_timer_fired_can_be_set_again(alarm, rung):
    alarm.set(0.01)
    alarm.off()
    later = asyncio.Event()
    other = Alarm(asyncio.get_running_loop(), later.set)
    other.set(0.05)
    await asyncio.wait_for(later.wait(), 5)
    alarm.set(0.01)
    await asyncio.wait_for(rung.wait(), 5)
