"""A whole gateway on a disk that is full or can only be read: handshake.md, Whole store and RP5."""

import pytest

from tests import disk
from tests.app.test_watch import readiness, until

LOCATIONS = "/ocpi/2.2.1/sender/locations"


@pytest.fixture
def tmp_path():
    """A folder that the ordinary user, as whom a test of root acts, can reach."""
    with disk.open_folder() as folder:
        yield folder


async def opens(gateway, partner):
    return (await partner.call("GET", gateway.public_url + LOCATIONS))[0] == 200


async def puts(gateway, partner):
    """HTTP status and OCPI status code of a PUT."""
    http_status, envelope = await partner.register(gateway.public_url, token_a=partner.token_c, method="PUT")
    return http_status, envelope["status_code"]


def becomes(gateway, partner, http_status):
    async def looked():
        return (await readiness(gateway, partner))[0] == http_status

    return until(looked, attempts=300)


@pytest.mark.parametrize("failing", [disk.full, disk.read_only], ids=["full", "read-only"])
@pytest.mark.ways("error")
async def test_store_disk_that_takes_nothing_leaves_tokens_working_and_answers_handshakes_3000(
    gateway, backend, registered, failing
):
    backend.offer("/locations", [])
    async with disk.running_on(failing(gateway.config.sqlite_path)):
        assert await puts(gateway, registered) == (200, 3000)
        assert await opens(gateway, registered)  # its first use, which can't be noted
        assert await becomes(gateway, registered, 503)
        assert await opens(gateway, registered)

    assert await becomes(gateway, registered, 200)
    assert await puts(gateway, registered) == (200, 1000)
    assert await opens(gateway, registered)


@pytest.mark.ways("error")
async def test_store_disk_that_can_only_be_read_is_started_on_with_readiness_red(start, backend, partner):
    backend.offer("/locations", [])
    async with start() as before:
        token_a = (await before.verbs.invite("partner")).invitation_token
        assert (await partner.register(before.public_url, token_a=token_a))[0] == 200
        assert await opens(before, partner)
    with disk.read_only(before.config.sqlite_path):
        async with start() as gateway:
            http_status, conditions = await readiness(gateway, partner)
            assert (http_status, conditions["store_writable"]["ok"]) == (503, False)
            assert "can't be written" in conditions["store_writable"]["detail"]
            assert await opens(gateway, partner)
            assert await puts(gateway, partner) == (200, 3000)
            assert [record.partner.state for record in await gateway.verbs.partners()] == ["REGISTERED"]

    async with start() as after:
        assert await puts(after, partner) == (200, 1000)
