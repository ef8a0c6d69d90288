"""The tools behind `make mutants` and `make coverage`: faults are made, noticed, and counted."""

import ast

import pytest

from tools.coverage_gate import judge
from tools.groups import ROOT, groups
from tools.mutation import mutants

SOURCE = '''
"""What it is."""
LIMIT: int = 3
WORDS = ("a", "b")


def check(value, limit=LIMIT, *, strict=True):
    """Say what is wrong."""
    if value is None and not strict:
        return value + 1
    if value > limit:
        raise ValueError("too much")
    note(value, kind=limit)
    return value in WORDS
'''


def changed():
    """The changes of each mutant, in order."""
    return [mutant.change for mutant in mutants(SOURCE)]


@pytest.mark.parametrize(
    "change",
    [
        *("3: 4", "without 'a' (element 0)", "without 'b' (element 1)", "True: False"),
        *("if not value is None and (not strict)", "value is None: value is not None", "not strict: without not"),
        *("value is None and (not strict): value is None or not strict", "value + 1: value - 1", "1: 2"),
        *(
            "value > limit: value >= limit",
            "raise ValueError('too much'): left out",
            "note(value, kind=limit): left out",
        ),
        *("kind=limit: None", "value in WORDS: value not in WORDS", "return value in WORDS: None"),
    ],
)
def test_a_fault_of_each_kind_is_made(change):
    assert changed().count(change) == 1


def test_each_mutant_is_another_module_with_one_fault():
    texts = [ast.unparse(mutant.tree) for mutant in mutants(SOURCE)]

    assert len(texts) == len({*texts, ast.unparse(ast.parse(SOURCE))}) - 1


def test_docstrings_annotations_and_texts_of_errors_decide_nothing_and_are_left_alone():
    assert not [change for change in changed() if "What it is" in change or "too muc'" in change or "int" in change]


def test_every_module_of_the_groups_is_there_and_has_tests():
    made = groups()

    assert list(made) == ["authentication", "egress policy", "store", "handshake"]
    assert len(made["store"]) > 15
    for modules in made.values():
        for module, tests in modules.items():
            assert (ROOT / module).is_file()
            assert all((ROOT / test.partition("::")[0]).exists() for test in tests), module


def test_a_group_is_covered_as_far_as_its_branches_are():
    files = {
        "a.py": {
            "summary": {"covered_branches": 3, "num_branches": 4},
            "missing_lines": [7],
            "missing_branches": [[6, 7]],
        },
        "b.py": {"summary": {"covered_branches": 6, "num_branches": 6}, "missing_lines": [], "missing_branches": []},
    }

    assert judge(files, ["a.py", "b.py"]) == (90.0, ["a.py: lines 7; branches 6->7"])
