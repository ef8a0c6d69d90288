"""Every threat of hardening.md has a test that carries it out, and the page about them is fresh."""

from tests import threats
from tests.threats import THREATS, lacking, main, page, proofs


def test_every_threat_has_a_test():
    assert lacking(proofs()) == []


def test_a_threat_without_a_test_is_found():
    without = [proof for proof in proofs() if "T5" not in proof.threats]
    assert "T5" in lacking(without)


def test_no_mark_names_a_threat_that_there_is_not():
    assert frozenset().union(*(proof.threats for proof in proofs())) <= {threat.name for threat in THREATS}


def test_the_page_in_the_project_is_fresh(tmp_path, capsys):
    assert main(["--check"]) == 0
    assert main(["--check"], tmp_path / "threats.md") == 1
    assert "threats.md is stale" in capsys.readouterr().err
    assert main([], tmp_path / "threats.md") == 0
    assert (tmp_path / "threats.md").read_text() == threats.PAGE.read_text() == page(proofs())
