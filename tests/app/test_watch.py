"""What a running gateway notices by itself: a disk that fails, a secret that doesn't open."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from gateway.app.watch import _touch


async def readiness(gateway, partner):
    async with partner.http.get(f"{gateway.status_url}/readyz") as answer:
        return answer.status, (await answer.json())["conditions"]


async def until(condition, attempts=100):
    for _ in range(attempts):
        if await condition():
            return True
        await asyncio.sleep(0.05)
    return False


def on_disk(gateway, statement, *parameters):
    with closing(sqlite3.connect(gateway.config.sqlite_path, timeout=5)) as connection, connection:
        connection.execute(statement, parameters)


async def test_a_secret_that_does_not_open_turns_readiness_red_and_spoils_nobody_else(gateway, registered):
    await gateway.verbs.invite("other")
    on_disk(gateway, "UPDATE outbound_token SET seal_key = 'unknown'")
    on_disk(gateway, "UPDATE store_state SET revision = revision + 1")
    on_disk(gateway, "UPDATE partner SET revision = (SELECT revision FROM store_state) WHERE name = 'partner'")

    async def is_red():
        http_status, conditions = await readiness(gateway, registered)
        return http_status == 503 and "partner" in conditions["key_valid"].get("detail", "")

    assert await until(is_red)
    just_issued = (await gateway.verbs.invite("another")).invitation_token
    answer = await registered.call("GET", gateway.credentials_url, token=just_issued)
    assert answer[0] == 200
    assert (await registered.call("GET", gateway.credentials_url))[0] == 200


async def test_a_write_that_fails_turns_readiness_red_until_a_real_write_succeeds(gateway, partner):
    with closing(sqlite3.connect(gateway.config.sqlite_path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")

        async def is_red():
            return (await readiness(gateway, partner))[0] == 503

        assert await until(is_red, attempts=300)
        other.execute("ROLLBACK")

    async def is_green():
        return (await readiness(gateway, partner))[0] == 200

    assert await until(is_green, attempts=300)


async def test_what_shows_that_the_disk_takes_something_again_reaches_the_disk_and_changes_nothing(store, database):
    def content():
        with closing(sqlite3.connect(database)) as connection:
            return list(connection.iterdump())

    def times_written():  # the file change counter of SQLite's database header
        return int.from_bytes(Path(database).read_bytes()[24:28])

    await store.write(_touch)  # a row that was written by an older program is written anew in any case
    before = times_written(), content()

    await store.write(_touch)

    assert times_written() == before[0] + 1
    assert content() == before[1]
