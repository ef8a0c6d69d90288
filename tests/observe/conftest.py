"""Log lines as they reach standard output."""

import io
import json
import logging
import warnings

import pytest
import structlog

from gateway.observe import logs
from gateway.observe.logs import configure


class Lines(io.StringIO):
    """What was logged."""

    def events(self):
        """Every line, which has to be one JSON object."""
        return [json.loads(line) for line in self.getvalue().splitlines()]

    def only(self):
        """The one event there is."""
        (event,) = self.events()
        return event


@pytest.fixture
def logged():
    """Sends logs of the form asked for to a text: `logged(form="json", level="info")`."""
    root = logging.getLogger()
    before, level, show = root.handlers[:], root.level, warnings.showwarning

    def start(*, form="json", level="info"):
        lines = Lines()
        configure(level=level, form=form, stream=lines)
        return lines

    yield start
    logging.captureWarnings(capture=False)
    warnings.showwarning = show
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()
    logs._fast.clear()
