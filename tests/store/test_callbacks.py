"""Stand-ins for response URLs."""

import re

from gateway.store import tables
from gateway.store.callbacks import Callback, find, keep


async def test_an_id_leads_back_to_its_url_any_number_of_times_until_it_expires(books, clock):
    partner_id = (await books.invite("acme")).partner.id
    callback = Callback(partner_id, "ingress", "https://emsp.example.com/commands/1")
    expires_at = clock().replace(year=2027)

    callback_id = await books.store.write(
        lambda connection: keep(connection, callback, now=clock(), expires_at=expires_at)
    )

    def look(connection):
        return find(connection, callback_id, now=clock())

    assert re.fullmatch("[A-Za-z0-9_-]{22}", callback_id)
    assert await books.store.read(look) == await books.store.read(look) == callback
    clock.moment = expires_at
    assert await books.store.read(look) is None


async def test_an_unknown_id_leads_nowhere(books, clock):
    assert await books.store.read(lambda connection: find(connection, "unknown", now=clock())) is None


async def test_expired_ones_are_cleared_away_when_another_is_kept(books, clock):
    partner_id = (await books.invite("acme")).partner.id

    def keeping(url):
        until = clock().replace(hour=23)
        callback = Callback(partner_id, "egress", url)
        return lambda connection: keep(connection, callback, now=clock(), expires_at=until)

    await books.store.write(keeping("http://legacy/1"))
    clock.moment = clock().replace(hour=23)  # when the first expires
    await books.store.write(keeping("http://legacy/2"))

    assert [row.url for row in await books.rows(tables.callback)] == ["http://legacy/2"]
