"""The stage, once for all tests of a worker, and the fronts before it."""

from contextlib import ExitStack

import pytest

from tests.hostile import fronts
from tests.hostile.documents import BODY_BYTES, CREDENTIALS_BYTES
from tests.hostile.stage import staged


@pytest.fixture(scope="session")
def stage(tmp_path_factory):
    """A gateway that is patient with others, so that a busy machine changes no outcome."""
    limits = {"body_bytes": BODY_BYTES, "credentials_body_bytes": CREDENTIALS_BYTES}
    with staged(tmp_path_factory.mktemp("stage"), limits=limits) as running:
        yield running


@pytest.fixture(scope="session")
def front_port(stage, tmp_path_factory):
    """Gives the port of a front before the stage, by its name; started at the first use."""
    ports = {}
    with ExitStack() as stack:

        def port_of(name):
            if fronts.program(name) is None:
                pytest.skip(f"{name} is not installed here (.ci/run installs it)")
            if name not in ports:
                folder = tmp_path_factory.mktemp(name)
                ports[name] = stack.enter_context(fronts.front(name, folder, stage.public_port))
            return ports[name]

        yield port_of
