"""What the gateway accepts, others read the same way: `make readers`, or `make readers ARGS='node --count 500'`."""

import argparse
import asyncio
import secrets
import sys
import tempfile
import time
from pathlib import Path

from tests.readers.comparison import compared
from tests.readers.others import NAMES, is_here
from tests.readers.reading import Verdict


def main():
    """Compare with each reader in turn; exit code 1 where one reads something differently, or is not here."""
    parser = argparse.ArgumentParser(prog="make readers ARGS=", description="hold readers of HTTP against the gateway")
    parser.add_argument("readers", nargs="*", choices=[*NAMES, []], help=f"of {', '.join(NAMES)}; all if none")
    parser.add_argument("--count", type=int, default=10_000, help="how many messages; 10 000 unless given")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    asked = parser.parse_args()
    sys.stdout.write(f"seed {asked.seed}\n")
    alike = [_is_alike(name, asked) for name in asked.readers or NAMES]
    sys.exit(0 if all(alike) else 1)


def _is_alike(name, asked):
    if not is_here(name):
        sys.stdout.write(f"{name}: it is not installed here\n")
        return False
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        result = asyncio.run(compared(name, Path(folder), seed=asked.seed, count=asked.count))
    verdicts = "; ".join(f"{each.value}: {result.verdicts[each]}" for each in Verdict)
    sys.stdout.write(
        f"{name}: {result.messages} messages in {time.monotonic() - started:.0f} s, of {result.accepted} the gateway "
        f"accepted a request. Of those, {name} {verdicts}\n"
    )
    for each in result.differences:
        sys.stdout.write(f"{each}\n")
    return not result.differences


if __name__ == "__main__":
    main()
