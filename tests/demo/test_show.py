"""What the audience sees."""

import pytest

from gateway.demo.processes import StepFailedError
from gateway.demo.report import Phase, Sight
from gateway.demo.show import Show


def sight(phase, caller, method, path, credential, **more):
    return Sight(caller, "gateway" if caller != "gateway" else "backend", method, path, credential, phase=phase, **more)


@pytest.fixture
def printed(capsys):
    """Gives the lines printed since."""

    def read():
        return capsys.readouterr().out.splitlines()

    return read


def test_an_exchange_inside_another_is_indented(printed):
    show = Show()
    show.see(sight(Phase.CALL, "eMSP", "GET", "/locations", "TOKEN_C x"))
    show.see(sight(Phase.CALL, "gateway", "GET", "/ocpi/locations", "legacy"))
    show.see(sight(Phase.ANSWER, "gateway", "GET", "/ocpi/locations", "legacy", http_status=200, status_code=1000))
    show.see(sight(Phase.ANSWER, "eMSP", "GET", "/locations", "TOKEN_C x", http_status=200, status_code=1000))
    indents = [len(line) - len(line.lstrip()) for line in printed()]
    assert indents == [4, 8, 8, 4]


def test_without_a_terminal_there_are_no_colours(printed):
    Show().see(sight(Phase.CALL, "eMSP", "GET", "/locations", "TOKEN_C x", says="a body"))
    (line,) = printed()
    assert line.split(maxsplit=3)[3] == "GET /locations  with TOKEN_C x  a body"


def test_an_exchange_of_the_handshake_stands_under_its_step(printed):
    show = Show()
    show.begin_handshake(sender="eMSP", receiver="gateway")
    show.see(sight(Phase.CALL, "eMSP", "GET", "/ocpi/versions", "TOKEN_A x"))
    assert printed()[0] == "  step 2: the eMSP reads the gateway's versions and their details with TOKEN_A"


def test_a_command_is_shown_with_what_is_typed_into_it_shortened(printed):
    Show().command("partner", "register", "acme", "--token-a", "-", typed="emsp_0123456789abcdef")
    assert printed() == ["    $ ocpi-gateway partner register acme --token-a -  < TOKEN_A emsp_01234..."]


def test_a_failure_names_step_expectation_and_what_came_and_ends_with_the_log(printed):
    show = Show()
    show.chapter("The eMSP pulls locations")
    error = StepFailedError(expected="two pages", came="there was 1", platform="gateway")
    error.last_lines = ["a line of the log"]
    show.fail(error)
    assert printed()[-5:] == [
        "The demonstration failed in: The eMSP pulls locations",
        "  expected: two pages",
        "  came:     there was 1",
        "  the last lines of the log:",
        "    a line of the log",
    ]


def test_the_summary_has_a_row_for_each_thing_shown(printed):
    show = Show()
    show.done("location pull", "2 pages")
    show.summarize()
    assert any("location pull" in line and "2 pages" in line for line in printed())
