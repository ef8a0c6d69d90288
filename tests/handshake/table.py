"""Writes docs/reference/faults.md: every point at which a handshake can fail, and the tests that make it fail there.

`python -m tests.handshake.table`; with `--check` it only compares. A test belongs to the rows that its name begins
with (`test_rp1_rp6_...`), in the ways of its mark (`@pytest.mark.ways("kill", "lost answer")`).
"""

import ast
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.pages import write_or_compare

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "reference" / "faults.md"

K, E, T, L = "kill", "error", "time-out", "lost answer"


@dataclass(frozen=True)
class Row:
    """A point of handshake.md: its name as tests begin with it, what is required, the ways that apply."""

    name: str
    point: str
    required: str
    ways: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proof:
    """A test: its file from the root, its name, its rows and its ways."""

    file: str
    name: str
    rows: frozenset[str]
    ways: frozenset[str]


#: In our own words; "A" is the invitation token, "B" the Sender's, "C" the Receiver's.
GROUPS: Final[Mapping[str, tuple[Row, ...]]] = {
    "Receiver: the partner POSTs with A": (
        Row("rp1", "crash before or during the call-backs", "nothing kept, A still good, nobody is locked out", (K,)),
        Row("rp2", "a call-back fails", "3001 with the step (3002, 3003 for what is missing); A still good", (E, T, L)),
        Row("rp3", "the partner accepts B only after our answer", "3001 that says so", (E,)),
        Row("rp4", "call-backs are slow", "ended by one budget; a partner that hung up may repeat", (T,)),
        Row("rp5", "the commit fails", "3000, A still good, readiness red", (E, K)),
        Row("rp6", "the answer is lost after the commit", "A repeats the POST and gets another C", (K, L)),
        Row("rp7", "two POSTs at once", "one wins, the other is 409; one partner"),
        Row("rp8", "A after C was delivered or used", "401; POST with C is 405", (K, L)),
        Row("rp9", "A on another module", "401 at any time"),
        Row("rp10", "versions and GET credentials while the POST is open", "answered at once"),
    ),
    "Receiver: the partner PUTs with C": (
        Row("ru1", "not registered, or a call-back fails", "405; 3001 and everything as it was", (K, E, T, L)),
        Row("ru2", "the call-back is refused with the new B", "once with the old one, then 3001", (E,)),
        Row("ru3", "the commit fails", "3000, everything as it was", (E, K)),
        Row(
            "ru4", "the answer is lost after the commit", "C works and may PUT again until the new one is used", (K, L)
        ),
        Row("ru5", "the new C is used", "the old one has its grace, then is dead", (K,)),
        Row("ru6", "the URL moves to another origin", "refused and audited unless the operator allows it", (E,)),
        Row("ru7", "the new B is refused later", "the old one is fallen back to for a day, then the alarm", (E,)),
        Row("ru8", "two PUTs at once", "one wins, the other is 409"),
        Row("ru9", "PUT at another version", "that version from now on, its endpoints read"),
        Row("ru10", "PUT right after the POST", "accepted; it proves C"),
    ),
    "Receiver: the partner DELETEs": (
        Row("rd1", "crash or failure before the commit", "nothing changed", (K, E)),
        Row("rd2", "the answer is lost", "the repeated DELETE is 1000 for a day; all else 401", (K, L)),
        Row("rd3", "requests in flight", "they finish; nothing new goes out to the partner"),
        Row("rd4", "only A is held", "405"),
        Row("rd5", "a suspended partner", "the uniform 401; it stays suspended"),
    ),
    "Sender: we POST with the partner's A": (
        Row("sp1", "crash before the POST", "`partner register NAME` goes on with what was given", (K, E, T)),
        Row("sp2", "a required module is missing", "nothing is posted; it is named", (E,)),
        Row("sp3", "B has to work before it is sent", "committed first, for call-backs only", (K, E)),
        Row("sp4", "no answer to the POST", "resumed with the same B, or HALF_OPEN and what to ask for", (K, T, L)),
        Row("sp5", "crash between C and its commit", "as SP4; C is committed before anything else is looked at", (K,)),
        Row("sp6", "the store takes no C", "kept in memory and tried again; then resumable", (E,)),
        Row("sp7", "a success without a usable token", "a failure; nothing replaced, B waits", (E,)),
        Row("sp8", "redirect, TLS, oversize, slow drip", "a failure with its cause", (E, T)),
        Row("sp9", "a connection that dies", "one request on the wire", (L,)),
        Row("sp10", "C is refused at its first use", "HALF_OPEN, B kept", (E,)),
    ),
    "Sender: we PUT or DELETE": (
        Row("su1", "before the PUT", "the new B is committed beside the old one", (K, E)),
        Row("su2", "an error answer", "B and C stay, the new B waits for a day", (E,)),
        Row("su3", "no answer to the PUT", "both B work, the same is sent again; 401 is HALF_OPEN", (K, T, L)),
        Row("su4", "the answer has a new C", "committed first; the old C is kept until it has worked", (K, E)),
        Row("su5", "the new B is used", "the old one has its grace, then is dead", (K,)),
        Row("su6", "crash anywhere", "a running gateway goes on by itself", (K,)),
        Row("sd1", "our DELETE", "our traffic stops first; 401, 404 and 405 count as done", (K, E, L)),
        Row("sd2", "the partner can't be told", "both tokens stay until `--force`", (K, E, T, L)),
    ),
    "Whole store": (
        Row("store_wrong_key", "another encryption key", "no start, one clear line", (E,)),
        Row(
            "store_disk",
            "a full or read-only disk",
            "tokens go on working, handshakes are 3000, also after a start",
            (E,),
        ),
        Row("store_restored", "an old back-up in its place", "who changed since is listed, with what to do"),
        Row("store_clock", "the clock jumps a day", "nothing breaks"),
        Row("store_stop", "SIGTERM or a crash amid a handshake", "it finishes, or can be repeated", (K,)),
        Row("store_several_gateways", "several gateways on one database", "what one did the others honour"),
    ),
}
ROWS: Final = tuple(row for rows in GROUPS.values() for row in rows)

_NAMES: Final = "|".join(sorted((row.name for row in ROWS), key=len, reverse=True))
_PREFIX: Final = re.compile(rf"test_((?:(?:{_NAMES})_)+)")


def proofs() -> list[Proof]:
    """Every test that is named after a row."""
    found = (proof for file in sorted((ROOT / "tests").rglob("test_*.py")) for proof in _proofs_of(file))
    return sorted(found, key=lambda proof: (proof.file, proof.name))


def lacking(known: Sequence[Proof]) -> list[str]:
    """The rows that have no test, and the ways of rows that none goes."""
    lacks = []
    for row in ROWS:
        own = [proof for proof in known if row.name in proof.rows]
        lacks += [] if own else [row.name]
        lacks += [f"{row.name}: {way}" for way in row.ways if not any(way in proof.ways for proof in own)]
    return lacks


def page(known: Sequence[Proof]) -> str:
    """The page as it should be."""
    lines = [
        "# What is tested to fail",
        "",
        "<!-- Made by `python -m tests.handshake.table`; do not edit. -->",
        "",
        "Every point at which a handshake can fail, what the gateway does then, and the tests that make it fail there:",
        "by a killed process, an error, a time-out, or an answer that is lost. After each test of `tests/handshake/`",
        "it is checked that no dead token works, also after a restart; that TOKEN_A opens no functional module; that",
        "no partner has more tokens than it may; that the audit trail is whole, and each change left a row in it; that",
        "the database is as some transaction left it; and that no token stands in it in plain.",
    ]
    for title, rows in GROUPS.items():
        lines += ["", f"## {title}", "", "| | point | required | ways | tests |", "|---|---|---|---|---|"]
        lines += [_line(row, [proof for proof in known if row.name in proof.rows]) for row in rows]
    return "\n".join([*lines, ""])


def main(arguments: Sequence[str], target: Path = PAGE) -> int:
    """Write the page, or with `--check` only compare it; the exit code is 1 when it is stale."""
    return write_or_compare(page(proofs()), target, arguments=arguments, page=PAGE, module="tests.handshake.table")


def _line(row: Row, own: Sequence[Proof]) -> str:
    files = sorted({proof.file for proof in own})
    tests = "<br>".join(
        f"`{file}`: " + ", ".join(_words(proof) for proof in own if proof.file == file) for file in files
    )
    name = row.name.upper() if row.name[-1].isdigit() else ""
    return f"| {name} | {row.point} | {row.required} | {', '.join(row.ways)} | {tests} |"


def _words(proof: Proof) -> str:
    return _PREFIX.sub("", proof.name).replace("_", " ")


def _proofs_of(file: Path) -> Iterator[Proof]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        named = _PREFIX.match(node.name) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else None
        if named and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            rows = frozenset(re.findall(rf"({_NAMES})_", named[1]))
            yield Proof(str(file.relative_to(ROOT)), node.name, rows, frozenset(_ways(node.decorator_list)))


def _ways(decorators: Sequence[ast.expr]) -> Iterator[str]:
    for decorator in decorators:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.ways":
            yield from (str(ast.literal_eval(argument)) for argument in decorator.args)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
