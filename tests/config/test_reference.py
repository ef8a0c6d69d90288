import re

from gateway.config import reference
from gateway.config.schema import keys


def test_the_page_in_the_repository_is_fresh(capsys):
    assert reference.main(["--check"]) == 0, "run python -m gateway.config.reference"


def test_check_fails_on_a_stale_or_missing_page_and_writing_repairs_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(reference, "PAGE", tmp_path / "docs" / "configuration.md")
    assert reference.main(["--check"]) == 1
    assert "stale: run python -m gateway.config.reference" in capsys.readouterr().err
    assert reference.main([]) == 0
    assert reference.main(["--check"]) == 0
    reference.PAGE.write_text("old", encoding="utf-8")
    assert reference.main(["--check"]) == 1


def test_every_key_stands_in_the_page_with_its_default():
    page = reference.render()
    for key in keys():
        name = key.path.rpartition(".")[2]
        assert f"`{name}`" in page
        assert key.description in page
    assert "| `body_bytes` | whole number, at least 1024 | bytes | `134217728` |" in page
    assert "| `lifetime` | duration |  | `30d` |" in page


def test_every_link_of_the_page_leads_to_a_heading():
    page = reference.render()
    headings = {re.sub(r"[^a-z0-9_-]", "", title.lower()) for title in re.findall(r"^## (.*)$", page, re.MULTILINE)}
    targets = set(re.findall(r"\(#([^)]*)\)", page))
    assert targets
    assert targets <= headings
