"""Fuzzes the readers of what strangers send: `make fuzz ARGS='path links --seconds 600'`.

Each target is a file beside this one with a `check`, which raises for a finding. `corpus/TARGET/` holds seeds: real
documents, known oddities, and every finding of the past; `make test` checks them all. What a search finds to be new is
kept in `.fuzz/TARGET/corpus`, and findings in `.fuzz/TARGET`: they become a seed once they are mended.
"""

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
TARGETS = sorted(folder.name for folder in (HERE / "corpus").iterdir())
_FOUND = HERE.parent / ".fuzz"
#: The longest input: long enough to show what grows faster than its length; longer ones only slow the search.
_LONGEST = 4096
#: Seconds that one input may take: anything near it is a finding, too.
_SLOWEST = 5


def fuzz(target: str, *, seconds: int, runs: int) -> bool:
    """Look for an input that the target can't stand; whether none was found. 0 means without end."""
    found = _FOUND / target
    (found / "corpus").mkdir(parents=True, exist_ok=True)
    limits = [
        f"-max_total_time={seconds}",
        f"-max_len={_LONGEST}",
        f"-timeout={_SLOWEST}",
        "-len_control=100",
        f"-dict={HERE / 'words'}",
    ]
    if runs:
        limits.append(f"-runs={runs}")
    command = [sys.executable, "-m", "fuzz.one", target, found / "corpus", HERE / "corpus" / target, *limits]
    shown = ["-print_final_stats=1", "-verbosity=1", f"-artifact_prefix={found}/"]
    return subprocess.run([*command, *shown], cwd=HERE.parent, check=False).returncode == 0


def main() -> None:
    """Fuzz each target in turn; exit code 1 where something was found."""
    parser = argparse.ArgumentParser(prog="make fuzz ARGS=", description="fuzz the readers of what strangers send")
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], help=f"of {', '.join(TARGETS)}; all if none")
    parser.add_argument("--seconds", type=int, default=60, help="for each; 0 is without end; 60 unless given")
    parser.add_argument("--runs", type=int, default=0, help="at most, for each; no limit unless given")
    asked = parser.parse_args()
    clean = [fuzz(target, seconds=asked.seconds, runs=asked.runs) for target in asked.targets or TARGETS]
    sys.exit(0 if all(clean) else 1)


if __name__ == "__main__":
    main()
