"""The partner calls us: no URL that it presents, or that its front gives, makes the gateway call a wrong address."""

from itertools import cycle

import pytest

from tests.urls.answers import tells_nothing

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.threat("T8", "U1", "U6", "H7")]

REDIRECTS = (301, 302, 303, 307, 308)


async def test_no_credentials_url_of_a_post_leads_elsewhere(stage):
    await stage.invite()

    answers = {url: await stage.post(url=url) for url in stage.third(0)}

    assert stage.wire.tripped == []
    assert [each for each in answers.items() if not tells_nothing(each[1])] == []


async def test_no_credentials_url_of_a_put_leads_elsewhere(registered):
    answers = {url: await registered.put(url=url) for url in registered.third(1)}

    assert registered.wire.tripped == []
    assert [each for each in answers.items() if not tells_nothing(each[1])] == []
    assert (await registered.put())[1] == 1000


async def test_no_version_url_leads_elsewhere(stage):
    await stage.invite()
    answers = {}
    for url in stage.third(1):
        stage.give_version(url)
        answers[url] = await stage.post()

    assert stage.wire.tripped == []
    assert [each for each in answers.items() if not tells_nothing(each[1])] == []


async def test_no_endpoint_url_leads_elsewhere_when_it_is_given_nor_when_it_is_called(registered):
    stage = registered
    called = 0
    answers = {}
    for url in stage.third(2):
        stage.give_endpoint(url)
        answers[url] = await stage.put()
        if answers[url][1] == 1000:
            called += 1
            answer, _ = await stage.ask_partner("sender/tokens")
            assert answer[:2] == (502, 4003) or is_own(stage), (url, answer)

    assert stage.wire.tripped == []
    assert [each for each in answers.items() if each[1][1] != 1000 and not tells_nothing(each[1])] == []
    assert called > 20


def is_own(stage):
    """Whether the endpoint that the partner gave last was read as a path of its own front, which was then called."""
    return stage.front.requests[-1][1] not in {"/versions", "/2.2.1", "/credentials"}


@pytest.mark.parametrize("path", ["/versions", "/2.2.1"])
async def test_no_redirect_of_its_front_leads_elsewhere(stage, path):
    await stage.invite()
    answers = {}
    for url, http_status in zip(stage.third(2, in_header=True), cycle(REDIRECTS)):
        stage.redirect(path, url, http_status)
        answers[url] = await stage.post()

    assert stage.wire.tripped == []
    assert [each for each in answers.items() if not tells_nothing(each[1])] == []
