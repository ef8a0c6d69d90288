"""A memory for heads changes how fast they are read, and nothing about what they say."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.net.forms import _LONGEST, _MOST, _MOST_OF_STRANGERS, AnswerForms, RequestForms
from gateway.net.http1 import Bounds, MalformedError, read_answer, read_request

BOUNDS = Bounds(4000, 3000)
LINES = [
    "Host: a",
    "Accept: */*",
    "Authorization: Token one",
    "authorization: Token two words",
    "Authorization:Token tight",
    "Authorization: Tök",
    "X-Request-ID: r-1",
    "x-request-id: r-2",
    "X-REQUEST-ID: r-3",
    "X-Request-ID: a b",
    "X-Request-ID:tight",
    "X-Request-ID: trailing ",
    "X-Request-ID: ",
    "X-Request-ID",
    "X-Correlation-ID: c-1",
    "X-Correlation-ID: \tc",
    "Content-Length: 0",
    "Content-Length: 5",
    "content-length: 123",
    "Content-Length: 05",
    "Content-Length: +5",
    "Content-Length: 5 ",
    "Content-Length: 99999999999999999999",
    "Transfer-Encoding: chunked",
    "Connection: close",
    "Upgrade: h2c",
    " folded",
    "X-Request-ID: a\rb",
    "X: 1\nX-Request-ID: 7",
]
FIRST = ["GET /x HTTP/1.1", "GET /y?z=1 HTTP/1.1", "GET /x HTTP/1.0", "PUT /x HTTP/1.1", "GET x HTTP/1.1"]
FIRST += ["GET  /x HTTP/1.1", "GET /ä HTTP/1.1", "get /x HTTP/1.1", "GET /x HTTP/1.1 ", "GET /x", "X-Request-ID: 1"]
requests = st.tuples(st.sampled_from(FIRST), st.lists(st.sampled_from(LINES), max_size=6)).map(
    lambda parts: "".join(f"{line}\r\n" for line in (parts[0], *parts[1])).encode("latin-1")
)
STATUS = [
    "HTTP/1.1 200 OK",
    "HTTP/1.1 204 None",
    "HTTP/1.0 200 OK",
    "HTTP/1.1 100 Continue",
    "HTTP/1.1 404",
    "HTTP/2 200",
]
answers = st.tuples(st.sampled_from(STATUS), st.lists(st.sampled_from(LINES), max_size=6)).map(
    lambda parts: "".join(f"{line}\r\n" for line in (parts[0], *parts[1])).encode("latin-1")
)


def of_request(read, raw):
    """All that a reader says of a request."""
    try:
        head = read(raw)
    except MalformedError as error:
        return str(error), error.http_status
    if head.form.plain:
        own = [head.headers.get(name) for name in ("x-request-id", "x-correlation-id", "authorization")]
        assert [head.request_id, head.correlation_id, head.authorization] == own
    return head.method, head.target, head.minor, head.length, head.headers, head.form.lines, head.form.lives


def of_answer(read, raw):
    """All that a reader says of an answer but for the headers that no answer passes on."""
    try:
        head = read(raw)
    except MalformedError as error:
        return str(error), error.http_status
    return head.http_status, head.length, head.lives, head.form.lines, head.is_interim, head.is_bodiless


@given(raws=st.lists(requests, min_size=1, max_size=12), known=st.booleans())
@example(
    raws=[b"GET /x HTTP/1.1\r\nHost: a\r\nX-Request-ID: 1\r\n", b"GET /x HTTP/1.1\r\nHost: a\nX-Request-ID\n\r\n"],
    known=True,
)
def test_requests_say_the_same_whatever_was_read_before(raws, known):
    forms = RequestForms(BOUNDS)
    for raw in [*raws, *raws]:
        assert of_request(forms.read, raw) == of_request(lambda each: read_request(each, BOUNDS), raw)
        if known and not isinstance(of_request(forms.read, raw)[0], int):
            try:
                forms.remember(forms.read(raw))
            except MalformedError:
                continue


@given(raws=st.lists(answers, min_size=1, max_size=12), method=st.sampled_from(["GET", "HEAD"]))
def test_answers_say_the_same_whatever_was_read_before(raws, method):
    forms = AnswerForms(BOUNDS)
    for raw in [*raws, *raws]:
        expected = of_answer(lambda each: read_answer(each, BOUNDS, method=method), raw)
        assert of_answer(lambda each: forms.read(each, method), raw) == expected


def request_of(number=0, *, target="/x", extra=""):
    return f"GET {target} HTTP/1.1\r\nHost: a\r\nX-Number: {number}\r\nX-Request-ID: r-{number}\r\n{extra}".encode()


def test_requests_of_one_form_share_what_follows_from_it():
    forms = RequestForms(BOUNDS)
    first, second = (forms.read(request_of(target=target)) for target in ("/a", "/b?c"))
    assert first.form is second.form
    assert second.form.plain
    assert (first.target, second.target) == ("/a", "/b?c")


@pytest.mark.parametrize(
    "raw", [request_of(target="/" + "x" * _LONGEST), request_of(extra="X: " + "x" * _LONGEST + "\r\n")]
)
def test_a_long_head_is_not_remembered(raw):
    forms = RequestForms(BOUNDS)
    assert forms.read(raw).form is not forms.read(raw).form


def test_a_head_that_is_too_long_is_refused_though_its_form_is_known():
    forms = RequestForms(BOUNDS)
    forms.remember(forms.read(request_of()))
    with pytest.raises(MalformedError) as refused:
        forms.read(request_of(target="/" + "x" * 5000))
    assert refused.value.http_status == 431


@pytest.mark.threat("D1")
def test_strangers_drive_out_strangers_only():
    forms = RequestForms(BOUNDS)
    welcome = forms.read(request_of())
    forms.remember(welcome)
    stranger = forms.read(request_of(1))
    for number in range(2, 2 * _MOST_OF_STRANGERS + 2):
        forms.read(request_of(number))
    assert forms.read(request_of()).form is welcome.form
    assert forms.read(request_of(1)).form is not stranger.form


@pytest.mark.threat("D1")
def test_no_more_forms_are_remembered_than_so_many():
    forms, answers = RequestForms(BOUNDS), AnswerForms(BOUNDS)
    for number in range(_MOST + 5):
        forms.remember(forms.read(request_of(number)))
        answers.read(f"HTTP/1.1 200 OK\r\nX-Number: {number}\r\n".encode(), "GET")
    assert len(forms._known) <= _MOST
    assert len(answers._known) <= _MOST


def test_what_follows_from_a_form_is_forgotten_before_it_is_too_much():
    form = RequestForms(BOUNDS).read(request_of()).form
    for number in range(1000):
        form.facts.keep(number, "a fact")
    assert len(form.facts) < 100
    assert form.facts[999] == "a fact"
