"""A pytest plugin: after each test, whatever it left is searched for secrets; a hit fails that test.

Nothing has to be written in a test (hardening.md, Figures, secrets). `taps` says where secrets come in and texts come
out, `allowed` where a secret may stand.
"""

import pytest

from tests.canaries import taps
from tests.canaries.watch import Watch

WATCH = Watch()
_NAMES = {"stdout": "standard output", "stderr": "standard error", "log": "the log"}


def pytest_configure():
    taps.install(WATCH)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logstart(nodeid):
    WATCH.begin(nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef):
    before, WATCH.lasting = WATCH.lasting, WATCH.lasting or fixturedef.scope != "function"
    try:
        return (yield)
    finally:
        WATCH.lasting = before


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if call.when == "teardown":
        captured = [(f"{_NAMES.get(name, name)} of the {when}", text) for when, name, text in item._report_sections]
        leaks = WATCH.end(captured)
        if leaks:
            report.outcome = "failed"
            report.longrepr = "\n".join(["secrets leaked (tests/canaries/):", *map(str, leaks)])
    return report
