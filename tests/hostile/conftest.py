"""The stage, once for all tests of a worker, and the fronts before it."""

import pytest

from tests.hostile.documents import BODY_BYTES, CREDENTIALS_BYTES
from tests.hostile.stage import staged


@pytest.fixture(scope="session")
def stage(tmp_path_factory):
    """A gateway that is patient with others, so that a busy machine changes no outcome."""
    limits = {"body_bytes": BODY_BYTES, "credentials_body_bytes": CREDENTIALS_BYTES}
    with staged(tmp_path_factory.mktemp("stage"), limits=limits) as running:
        yield running
