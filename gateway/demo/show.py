"""What the audience of the demonstration sees: each step as it happens, who called whom with which token, a summary.

On a terminal with colours, elsewhere as plain lines. Tokens arrive here shortened.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.demo.processes import StepFailedError
from gateway.demo.report import Phase, Sight
from gateway.demo.steps import STEPS, step_of

_PLAIN_WIDTH: Final = 120
_WIDEST_PAIR: Final = 19
_GOOD: Final = 400
_SHOWN: Final = 10


class Show:
    """Prints the demonstration.

    Attributes:
        step: the words of the step under way.
    """

    def __init__(self) -> None:
        probe = Console()
        self._console = probe if probe.is_terminal else Console(width=_PLAIN_WIDTH)
        self._right, self._left = ("\u2192", "\u2190") if self._console.encoding.startswith("utf") else ("->", "<-")
        self.step = ""
        self._open = 0
        self._handshake: dict[str, str] | None = None
        self._handshake_step = 0
        self._since = time.monotonic()
        self._summary: list[tuple[str, str, float]] = []

    def begin(self) -> None:
        """Say what is about to happen, before anything runs."""
        self.step = "Starting a gateway, a sample legacy backend and a sample eMSP as processes on this machine"
        self._line(self.step, style="bold")

    def introduce(self, places: Mapping[str, str]) -> None:
        """Say where each process listens."""
        for platform, place in places.items():
            self._line(f"    {platform:<9}{place}")

    def chapter(self, title: str) -> None:
        """Begin a part of the story."""
        self.step = title
        self._since = time.monotonic()
        self._line("")
        self._line(title, style="bold underline")

    def begin_handshake(self, *, sender: str, receiver: str) -> None:
        """From now on put each exchange under the step it belongs to."""
        self._handshake = {"sender": sender, "receiver": receiver}
        self._handshake_step = 0

    def end_handshake(self) -> None:
        """From now on exchanges are traffic."""
        self._handshake = None

    def handshake_step(self, number: int) -> None:
        """Begin one of the six steps."""
        self._handshake_step = number
        self.step = f"step {number}: {STEPS[number].format(**(self._handshake or {}))}"
        self._line(f"  {self.step}", style="bold cyan")

    def say(self, words: str) -> None:
        """Explain what comes now, or what was seen."""
        self.step = words
        self._line(f"  {words}", style="cyan")

    def command(self, *words: str, typed: str) -> None:
        """Show a command of the gateway's operator; what is typed into it is a TOKEN_A."""
        secret = f"  < TOKEN_A {typed[:_SHOWN]}..." if typed else ""
        self._line(f"    $ ocpi-gateway {' '.join(words)}{secret}", style="green")

    def see(self, sight: Sight) -> None:
        """Show half an exchange; what happens between its halves is indented."""
        step = step_of(sight) if self._handshake else None
        if step is not None and step > self._handshake_step:
            self.handshake_step(step)
        if sight.phase is Phase.CALL:
            self._show_call(sight)
            self._open += 1
        else:
            self._open = max(0, self._open - 1)
            self._show_answer(sight)

    def done(self, what: str, evidence: str) -> None:
        """Note for the summary that something was shown, and what proves it."""
        self._summary.append((what, evidence, time.monotonic() - self._since))
        self._since = time.monotonic()

    def summarize(self) -> None:
        """Print what was shown."""
        table = Table(title="What was shown", title_justify="left", expand=False)
        for heading in ("", "what", "evidence"):
            table.add_column(heading, overflow="fold")
        table.add_column("seconds", justify="right")
        for what, evidence, seconds in self._summary:
            table.add_row("ok", what, evidence, f"{seconds:.1f}")
        self._line("")
        self._console.print(table, highlight=False)

    def fail(self, error: StepFailedError) -> None:
        """Print what went wrong, and the end of the log that tells most."""
        self._line("")
        self._line(f"The demonstration failed in: {self.step}", style="bold red")
        self._line(f"  expected: {error.expected}")
        self._line(f"  came:     {error.came}")
        if error.last_lines:
            self._line("  the last lines of the log:")
            self._lines_of(error.last_lines)

    def _lines_of(self, lines: Sequence[str]) -> None:
        for line in lines:
            self._line(f"    {line}", style="dim")

    def _show_call(self, sight: Sight) -> None:
        line = self._begin(sight, self._right)
        line.append(f"{sight.method} {sight.path}", style="bold")
        line.append("  with ").append(sight.credential, style="yellow")
        self._print(line, sight.says)

    def _show_answer(self, sight: Sight) -> None:
        line = self._begin(sight, self._left)
        if sight.http_status is None:
            line.append("no answer", style="red")
        else:
            ocpi = "" if sight.status_code is None else f", OCPI {sight.status_code}"
            line.append(f"HTTP {sight.http_status}{ocpi}", style="green" if sight.http_status < _GOOD else "red")
        self._print(line, sight.says)

    def _begin(self, sight: Sight, arrow: str) -> Text:
        pair = f"{sight.caller} {arrow} {sight.callee}"
        return Text(f"    {'    ' * self._open}{pair:<{_WIDEST_PAIR}}")

    def _print(self, line: Text, says: str) -> None:
        if says:
            line.append(f"  {says}", style="dim")
        self._console.print(line, soft_wrap=True, highlight=False)

    def _line(self, words: str, *, style: str = "") -> None:
        self._console.print(Text(words, style=style), soft_wrap=True, highlight=False)
