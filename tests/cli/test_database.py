"""`audit` and `migrate`."""

import json


def test_migrate_brings_a_new_database_up_and_then_has_nothing_to_do(folder, configured):
    first, second = configured("migrate"), configured("migrate")

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "gateway.db brought from nothing to the schema " in first.output
    assert second.output.endswith(" already\n")
    assert (folder / "gateway.db").is_file()


def test_migrate_says_that_the_database_can_not_be_opened(folder, configured):
    (folder / "gateway.db").write_text("this is no database" * 100)

    result = configured("migrate")

    assert result.exit_code == 1
    assert result.errors.startswith("failed: ")
    assert "Traceback" not in result.errors


def test_audit_of_a_new_database_is_empty(configured):
    assert json.loads(configured("audit", "--json").output) == []
    assert configured("audit").output == ""


def test_audit_tells_who_did_what_when_in_order(configured):
    configured("partner", "invite", "acme")
    configured("partner", "revoke", "acme")

    rows = json.loads(configured("audit", "--json").output)
    assert {row["actor"] for row in rows} == {"cli"}
    assert {row["partner"] for row in rows} == {"acme"}
    assert all(row["at"].endswith("Z") for row in rows)
    assert len(rows) == 2

    lines = configured("audit").output.splitlines()
    assert lines[0].split() == ["AT", "ACTOR", "PARTNER", "ACTION", "DETAIL"]
    assert [line.split()[3] for line in lines[1:]] == [row["action"] for row in rows]


def test_audit_of_one_partner_leaves_the_others_out(configured):
    configured("partner", "invite", "acme")
    configured("partner", "invite", "other")

    rows = json.loads(configured("audit", "acme", "--json").output)

    assert [row["partner"] for row in rows] == ["acme"]


def test_audit_of_a_partner_that_does_not_exist_fails(configured):
    result = configured("audit", "nobody", "--json")

    assert (result.exit_code, result.output) == (1, "")
    assert "there is no partner 'nobody'" in result.errors


def test_the_verb_that_makes_the_key_file_says_so_and_the_next_one_does_not(configured):
    first, second = configured("partner", "list", "--json"), configured("partner", "list", "--json")

    assert "encryption key: made gateway.db.key; keep a copy of it" in first.errors
    assert (first.output, second.output, second.errors) == ("[]\n", "[]\n", "")
