"""What the pages that are made from the tests share: written, or only compared."""

import sys
from collections.abc import Sequence
from pathlib import Path


def write_or_compare(text: str, target: Path, *, arguments: Sequence[str], page: Path, module: str) -> int:
    """Write a page, or with `--check` only compare it; the exit code is 1 when it is stale.

    Args:
        page: where the page stands in the project, for the message.
        module: what makes it.
    """
    if "--check" not in arguments:
        target.write_text(text, encoding="utf-8")
    elif not target.is_file() or target.read_text(encoding="utf-8") != text:
        root = Path(__file__).resolve().parents[1]
        sys.stderr.write(f"{page.relative_to(root)} is stale: run python -m {module}\n")
        return 1
    return 0
