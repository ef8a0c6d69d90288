"""`audit`, `migrate` and `key rotate`."""

import json
import sqlite3
from contextlib import closing


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


def test_audit_tells_who_did_what_when_in_order(migrated):
    migrated("partner", "invite", "acme")
    migrated("partner", "revoke", "acme")

    rows = json.loads(migrated("audit", "--json").output)
    assert {row["actor"] for row in rows} == {"cli"}
    assert {row["partner"] for row in rows} == {"acme"}
    assert all(row["at"].endswith("Z") for row in rows)
    assert len(rows) == 2

    lines = migrated("audit").output.splitlines()
    assert lines[0].split() == ["AT", "ACTOR", "PARTNER", "ACTION", "DETAIL"]
    assert [line.split()[3] for line in lines[1:]] == [row["action"] for row in rows]


def test_audit_of_one_partner_leaves_the_others_out(migrated):
    migrated("partner", "invite", "acme")
    migrated("partner", "invite", "other")

    rows = json.loads(migrated("audit", "acme", "--json").output)

    assert [row["partner"] for row in rows] == ["acme"]


def test_audit_of_a_partner_that_does_not_exist_fails(migrated):
    result = migrated("audit", "nobody", "--json")

    assert (result.exit_code, result.output) == (1, "")
    assert "there is no partner 'nobody'" in result.errors


def test_the_verb_that_makes_the_key_file_says_so_and_the_next_one_does_not(configured):
    first, second = configured("partner", "list", "--json"), configured("partner", "list", "--json")

    assert "encryption key: made gateway.db.key; keep a copy of it" in first.errors
    assert (first.output, second.output, second.errors) == ("[]\n", "[]\n", "")


def test_a_key_in_a_file_is_replaced_and_everything_moved(prepared, folder):
    prepared("partner", "invite", "acme")
    before = (folder / "gateway.db.key").read_text()

    result = prepared("key", "rotate", "--json")

    assert result.exit_code == 0, result.errors
    after = (folder / "gateway.db.key").read_text()
    assert len(after.split()) == 1
    assert after != before
    assert (folder / "gateway.db.key").stat().st_mode & 0o777 == 0o600
    document = json.loads(result.output)
    assert document["moved"] >= 3
    assert after.strip() not in result.output
    assert prepared("partner", "show", "acme").exit_code == 0


def test_an_interrupted_rotation_goes_on_with_the_keys_that_the_file_holds(prepared, folder):
    key_file = folder / "gateway.db.key"
    new = prepared("key", "generate").output.strip()
    key_file.write_text(f"{new}\n{key_file.read_text()}")
    assert prepared("partner", "invite", "acme").exit_code == 0

    assert prepared("key", "rotate").exit_code == 0

    assert key_file.read_text().split() == [new]
    assert prepared("partner", "show", "acme").exit_code == 0
    again = prepared("key", "rotate", "--json")
    assert json.loads(again.output)["moved"] > 0


def test_configured_keys_move_from_the_former_to_the_new_one(migrated, folder):
    old, new = (migrated("key", "generate").output.strip() for _ in range(2))
    plain = (folder / "config.yaml").read_text()

    def configure(*lines):
        (folder / "config.yaml").write_text(plain + "\n".join(lines) + "\n")

    configure(f"encryption_key: {old}")
    assert migrated("partner", "invite", "acme").exit_code == 0
    configure(f"encryption_key: {new}")
    refused = migrated("partner", "show", "acme")
    assert refused.exit_code == 1
    assert refused.errors.count("failed:") == 1
    assert "former_encryption_keys" in refused.errors

    configure(f"encryption_key: {new}", f"former_encryption_keys: [{old}]")
    assert "are needed no longer" in migrated("key", "rotate").output
    configure(f"encryption_key: {new}")
    assert migrated("partner", "show", "acme").exit_code == 0
    assert "is encrypted with the key" in migrated("key", "rotate").output


def test_the_audit_trail_is_verified_and_a_touched_one_fails(prepared, folder):
    prepared("partner", "invite", "acme")
    prepared("partner", "suspend", "acme")
    assert "is whole: 2 rows" in prepared("audit", "--verify").output
    assert json.loads(prepared("audit", "--verify", "--json").output)["whole"]

    with closing(sqlite3.connect(folder / "gateway.db")) as connection, connection:
        connection.execute("UPDATE audit SET actor = 'nobody' WHERE id = 1")

    broken = prepared("audit", "--verify")
    assert broken.exit_code == 1
    assert "broken at row 1" in broken.errors
    document = json.loads(prepared("audit", "--verify", "--json").output)
    assert (document["whole"], document["broken_at"]) == (False, 1)


def test_the_audit_trail_is_exported_a_document_a_line(prepared):
    for verb in ("invite", "suspend", "resume"):
        prepared("partner", verb, "acme")

    lines = prepared("audit", "--export").output.splitlines()

    assert [json.loads(line)["action"] for line in lines] == ["invited", "suspended", "resumed"]


def test_store_restored_from_an_old_back_up_lists_the_partners_that_changed_since(prepared, folder):
    prepared("partner", "invite", "acme")
    prepared("partner", "invite", "other")
    back_up = (folder / "gateway.db").read_bytes()
    prepared("partner", "suspend", "acme")
    (folder / "trail.jsonl").write_text(prepared("audit", "--export").output)
    assert "knows all" in prepared("audit", "--compare", "trail.jsonl").output

    (folder / "gateway.db").write_bytes(back_up)

    words = prepared("audit", "--compare", "trail.jsonl").output
    assert "acme: 1 changes are missing" in words
    assert "partner refresh NAME" in words
    assert "other" not in words.split("\n")[0]
    (affected,) = json.loads(prepared("audit", "--compare", "trail.jsonl", "--json").output)["affected"]
    assert (affected["partner"], affected["missing"][0]["action"]) == ("acme", "suspended")


def test_something_else_than_an_export_is_wrong_usage(prepared, folder):
    (folder / "trail.jsonl").write_text("not a trail\n")

    assert prepared("audit", "--compare", "trail.jsonl").exit_code == 2
