"""Writes docs/reference/threats.md: what may be done to the gateway, what it does about it, and the tests that do it.

`python -m tests.threats`; with `--check` it only compares. A test belongs to the threats of its mark
(`@pytest.mark.threat("T1", "R8")`), which may stand at a function, a class or, as `pytestmark`, at a file.
"""

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.pages import write_or_compare

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs" / "reference" / "threats.md"
_MARK: Final = "pytest.mark.threat"


@dataclass(frozen=True)
class Threat:
    """A row: its name in hardening.md, what may happen, what the gateway does about it."""

    name: str
    what: str
    answer: str


@dataclass(frozen=True)
class Proof:
    """A test: its file from the root, its name, its threats."""

    file: str
    name: str
    threats: frozenset[str]


#: In our own words; the names are those of hardening.md, U those of its section on URLs, S of handshake.md's tokens.
GROUPS: Final[Mapping[str, tuple[Threat, ...]]] = {
    "Traps in what it is built on": (
        Threat(
            "T1", "a request is mixed up with the next one on its connection", "closed after chunks; no header twice"
        ),
        Threat("T2", "a URL with an address in it is never resolved, so a guard of names sees nothing", "each socket"),
        Threat("T3", "a library sends a request again by itself", "switched off: one request on the wire"),
        Threat(
            "T4", "one transaction discards another's work; a cancelled commit commits", "each on its own, shielded"
        ),
        Threat("T5", "several connections damage an SQLite file", "rollback journal, synced"),
        Threat("T6", "a dependency with a known hole", "a floor for each, tested"),
        Threat("T7", "tokens in exceptions and tracebacks", "neither is logged with values"),
        Threat("T8", "a URL library changes where a request goes", "exact text, never normalised"),
        Threat("T9", "a small compressed body becomes a huge one", "never decompressed; bounded"),
        Threat("T10", "connections that do nothing are kept for an hour", "deadlines for head, body and idling"),
        Threat("T11", "a stop that cuts answers", "not ready first, then drain"),
    ),
    "Requests: framing and heads": (
        Threat("R1", "length and chunks in one request", "400"),
        Threat("R2", "a transfer encoding that two readers read differently", "400 unless exactly chunked"),
        Threat("R3", "a length that two readers read differently", "400"),
        Threat("R4", "chunk sizes that two readers read differently", "400, connection closed"),
        Threat("R5", "trailers that become headers", "dropped"),
        Threat("R6", "a header name that becomes another one", "400"),
        Threat("R7", "a Host that leads elsewhere", "400; public_url is what counts"),
        Threat("R8", "two tokens in one request", "400"),
        Threat("R9", "another version of HTTP", "400; 1.0 is answered and closed"),
        Threat("R10", "a request target with an origin", "400"),
        Threat("R11", "a method that OCPI does not use", "405"),
        Threat("R12", "a body is asked for before it is known who sends it", "401 first"),
        Threat("R13", "a pipelined request is taken for somebody else's", "each by its own token"),
        Threat("R14", "an answer is taken for that of another request", "that connection is not used again"),
    ),
    "Requests: paths, headers, parties": (
        Threat("P1", "a path that leads elsewhere", "400 unless canonical"),
        Threat("P2", "a path that is not the same at the backend", "byte for byte, or 4xx"),
        Threat("P3", "`Connection` takes our headers away", "hop-by-hop first, ours after"),
        Threat("P4", "identity headers that a client sends", "never arrive"),
        Threat("P5", "hostile answers", "502, connection dropped"),
        Threat("P6", "cookies, software and internal addresses in answers", "dropped, cookies never kept"),
        Threat("P7", "one side's token reaches the other", "replaced; dropped from answers"),
        Threat("P8", "a partner speaks for parties that are not its own", "404, unless relaxed for it"),
        Threat("P9", "a partner uses what it shall not", "403, 405 or 401 before the backend sees anything"),
    ),
    "Tokens and input": (
        Threat("H1", "guessing a token by time", "found by digest, nothing compared"),
        Threat("H2", "a flood of bad tokens", "one uniform 401, budget by source"),
        Threat("H3", "spellings of a token", "one of the known forms, or 401"),
        Threat("H5", "a partner's token that breaks a header", "2001, never stored"),
        Threat("H6", "input that forges log lines", "one event is one JSON line"),
        Threat("H7", "redirects", "never followed; rewritten or refused"),
    ),
    "Floods": (
        Threat("D1", "slow and silent connections", "deadlines, limits by source"),
        Threat("D2", "more requests than the backend can take", "429 with Retry-After"),
        Threat("D3", "bodies without end", "413, counted while they stream"),
        Threat("D4", "bombs", "never unpacked"),
        Threat("D5", "JSON that costs time or says two things", "bounded, refused"),
        Threat("D6", "uploads of strangers", "cut at 401"),
        Threat("D7", "no files left", "fewer connections, recovers"),
        Threat("D9", "requests that cost more than they weigh", "at most a hundred times their size in memory"),
        Threat("D8", "a backend or partner that is gone", "answered in time, asked once in a pause"),
    ),
    "URLs that partners give us": (
        Threat("U1", "spellings of URLs", "one canonical form, or refused"),
        Threat("U2", "a URL on somebody else's host", "bound to the partner's hosts"),
        Threat("U3", "names that lead to forbidden addresses, or change", "every answer, and the final address"),
        Threat("U4", "forbidden addresses", "explicit ranges"),
        Threat("U5", "redirects, proxies, cookies, weak TLS", "none of it"),
        Threat("U6", "using us to look into our network", "the step and nothing else"),
    ),
    "Secrets": (
        Threat("S1", "the database is read", "digests and ciphertexts only"),
        Threat("S2", "a ciphertext is moved to another row", "does not open"),
        Threat("S3", "the audit trail is changed", "chained under a key"),
        Threat("S4", "secrets in logs, metrics and errors", "canaries through the whole suite"),
        Threat("S5", "a stolen token renews itself to another platform", "bound to its origin"),
    ),
}
THREATS: Final = tuple(threat for threats in GROUPS.values() for threat in threats)


def proofs() -> list[Proof]:
    """Every test that is marked with a threat."""
    found = (proof for file in sorted((ROOT / "tests").rglob("test_*.py")) for proof in _proofs_of(file))
    return sorted(found, key=lambda proof: (proof.file, proof.name))


def lacking(known: Sequence[Proof]) -> list[str]:
    """The threats that have no test."""
    shown = frozenset[str]().union(*(proof.threats for proof in known))
    return [threat.name for threat in THREATS if threat.name not in shown]


def page(known: Sequence[Proof]) -> str:
    """The page as it should be."""
    lines = [
        "# Threats and the tests that carry them out",
        "",
        "<!-- Made by `python -m tests.threats`; do not edit. -->",
        "",
        "Assets, actors and trust boundaries are in [the threat model](../explanation/threat-model.md).",
    ]
    for title, threats in GROUPS.items():
        lines += ["", f"## {title}", "", "| | what may happen | what the gateway does | tests |", "|---|---|---|---|"]
        lines += [_line(threat, [proof for proof in known if threat.name in proof.threats]) for threat in threats]
    return "\n".join([*lines, ""])


def main(arguments: Sequence[str], target: Path = PAGE) -> int:
    """Write the page, or with `--check` only compare it; the exit code is 1 when it is stale."""
    return write_or_compare(page(proofs()), target, arguments=arguments, page=PAGE, module="tests.threats")


def _line(threat: Threat, own: Sequence[Proof]) -> str:
    files = sorted({proof.file for proof in own})
    tests = "<br>".join(
        f"`{file}`: "
        + ", ".join(proof.name.removeprefix("test_").replace("_", " ") for proof in own if proof.file == file)
        for file in files
    )
    return f"| {threat.name} | {threat.what} | {threat.answer} | {tests} |"


def _proofs_of(file: Path) -> Iterator[Proof]:
    name, tree = str(file.relative_to(ROOT)), ast.parse(file.read_text(encoding="utf-8"))
    of_file = frozenset(
        threat
        for node in tree.body
        if isinstance(node, ast.Assign) and any(ast.unparse(target) == "pytestmark" for target in node.targets)
        for threat in _threats(node.value)
    )
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            of_class = of_file.union(*map(_threats, node.decorator_list))
            yield from _proofs_among(node.body, name, of_class)
    yield from _proofs_among(tree.body, name, of_file)


def _proofs_among(nodes: Sequence[ast.stmt], file: str, given: frozenset[str]) -> Iterator[Proof]:
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            threats = given.union(*map(_threats, node.decorator_list))
            if threats:
                yield Proof(file, node.name, threats)


def _threats(expression: ast.expr) -> frozenset[str]:
    """The threats in the marks of an expression."""
    calls = (node for node in ast.walk(expression) if isinstance(node, ast.Call) and ast.unparse(node.func) == _MARK)
    return frozenset(str(ast.literal_eval(argument)) for call in calls for argument in call.args)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
