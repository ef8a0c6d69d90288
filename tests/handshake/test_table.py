"""Every point of handshake.md has a test in every way that applies, and the page about them is fresh."""

from tests.handshake import table
from tests.handshake.table import ROWS, lacking, main, page, proofs


def test_every_row_has_a_test_in_each_of_its_ways():
    assert lacking(proofs()) == []


def test_a_row_or_a_way_without_a_test_is_found():
    without = [proof for proof in proofs() if "rp4" not in proof.rows]
    assert lacking(without) == ["rp4", "rp4: time-out"]


def test_the_rows_are_those_of_the_handshake():
    numbered = [*("rp", 10), *("ru", 10), *("rd", 5), *("sp", 10), *("su", 6), *("sd", 2)]
    expected = [
        f"{prefix}{n}" for prefix, last in zip(numbered[::2], numbered[1::2], strict=True) for n in range(1, last + 1)
    ]
    assert [row.name for row in ROWS if not row.name.startswith("store")] == expected


def test_no_mark_names_a_way_that_there_is_not():
    known = {way for row in ROWS for way in row.ways}
    assert {way for proof in proofs() for way in proof.ways} <= known


def test_the_page_in_the_project_is_fresh(tmp_path, capsys):
    assert main(["--check"]) == 0
    assert main(["--check"], tmp_path / "faults.md") == 1
    assert "faults.md is stale" in capsys.readouterr().err
    assert main([], tmp_path / "faults.md") == 0
    assert (tmp_path / "faults.md").read_text() == table.PAGE.read_text() == page(proofs())
