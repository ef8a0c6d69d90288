"""The fuzzing targets (`make fuzz`): every seed and past finding is checked, and each target can find something."""

import importlib
from types import SimpleNamespace

import pytest

from fuzz.__main__ import HERE, TARGETS
from gateway.ocpi.links import Link
from gateway.ocpi.vocabulary import TokenForm

SEEDS = [path.relative_to(HERE / "corpus") for path in sorted((HERE / "corpus").glob("*/*"))]


@pytest.mark.parametrize("seed", SEEDS, ids=str)
def test_a_seed_holds_what_its_target_asserts(seed):
    target = importlib.import_module(f"fuzz.{seed.parts[0]}")

    target.check((HERE / "corpus" / seed).read_bytes())


def test_there_are_seeds_for_every_target():
    targets = {path.stem for path in HERE.glob("*.py")} - {"__main__", "mutation", "one"}

    assert targets == set(TARGETS) == {seed.parts[0] for seed in SEEDS}


@pytest.mark.parametrize(
    ("target", "reader", "broken", "seed"),
    [
        ("token_header", "candidates", lambda *_, **__: [(TokenForm.PLAIN, "a\r\nX: y")], "plain"),
        ("path", "check_path", lambda *_, **__: None, "dots"),
        ("credentials", "read_json_object", lambda *_, **__: {"token": "of another"}, "plain"),
        ("versions", "read_versions", lambda *_, **__: {"2.2.1": "javascript:alert(1)"}, "list"),
        ("links", "read_links", lambda *_, **__: [Link("a>, <b")], "next"),
        ("http1", "read_request", lambda *_, **__: SimpleNamespace(method="GET", target="*", minor=1), "get"),
    ],
)
def test_a_target_finds_a_reader_that_is_broken(target, reader, broken, seed, monkeypatch):
    module = importlib.import_module(f"fuzz.{target}")
    monkeypatch.setattr(module, reader, broken)

    with pytest.raises((AssertionError, ValueError)):
        module.check((HERE / "corpus" / target / seed).read_bytes())
