import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config.interpolation import MAX_FILE_BYTES, escape, interpolate


def resolved(text, environ=None):
    result, failures = interpolate(text, environ or {})
    assert failures == ()
    return result


def failures(text, environ=None):
    return [(failure.message, failure.suggestion) for failure in interpolate(text, environ or {})[1]]


def test_a_variable_stands_alone_or_inside_a_text():
    assert resolved("Token ${A}-${B}!", {"A": "x", "B": "y"}) == "Token x-y!"


def test_a_variable_that_is_set_but_empty_is_empty():
    assert resolved("[${A}]", {"A": ""}) == "[]"


@pytest.mark.parametrize("environ", [{}, {"A": ""}])
def test_the_default_stands_in_for_an_unset_or_empty_variable(environ):
    assert resolved("${A:-sqlite:///x:-y}", environ) == "sqlite:///x:-y"


def test_the_default_gives_way_to_a_value():
    assert resolved("${A:-x}", {"A": "y"}) == "y"


def test_the_default_may_be_empty():
    assert resolved("${A:-}") == ""


def test_an_unset_variable_is_an_error_with_a_suggestion():
    assert failures("${TOKEN}") == [("the environment variable TOKEN is not set", "set it, or write ${TOKEN:-default}")]


def test_an_unset_variable_that_resembles_a_set_one_suggests_it():
    assert failures("${BACKEND_TOKN}", {"BACKEND_TOKEN": "x"})[0][1] == "did you mean 'BACKEND_TOKEN'?"


def test_every_unset_variable_of_a_text_is_named():
    assert [message for message, _ in failures("${A} ${B}")] == [
        "the environment variable A is not set",
        "the environment variable B is not set",
    ]


def test_a_file_is_put_in_without_its_trailing_line_feed(tmp_path):
    for name, content in {"lf": "s3cret\n", "crlf": "s3cret\r\n", "none": "s3cret"}.items():
        (tmp_path / name).write_bytes(content.encode())
        assert resolved(f"Token ${{file:{tmp_path}/{name}}}.") == "Token s3cret."


def test_only_one_trailing_line_feed_is_stripped(tmp_path):
    (tmp_path / "secret").write_text(" a\n\n", encoding="utf-8")
    assert resolved(f"${{file:{tmp_path}/secret}}") == " a\n"


def test_a_relative_file_is_relative_to_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "secret").write_text("x", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert resolved("${file:secret}") == "x"


def test_a_missing_file_is_an_error_that_names_it(tmp_path):
    assert failures(f"${{file:{tmp_path}/absent}}") == [
        (f"the file '{tmp_path}/absent' can't be read: No such file or directory", "")
    ]


def test_a_folder_an_endless_device_and_an_impossible_name_are_errors(tmp_path):
    assert "Is a directory" in failures(f"${{file:{tmp_path}}}")[0][0]
    assert f"larger than {MAX_FILE_BYTES} bytes" in failures("${file:/dev/zero}")[0][0]
    assert "not a usable path" in failures("${file:\0}")[0][0]


def test_a_file_that_is_not_text_is_an_error_without_its_content(tmp_path):
    (tmp_path / "key").write_bytes(b"\xffsecret")
    message = failures(f"${{file:{tmp_path}/key}}")[0][0]
    assert message == f"the file '{tmp_path}/key' is not UTF-8 text"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a ${B", "'${' has no closing '}'"),
        ("${}", "'${...}' holds neither a variable name nor file:/path"),
        ("${1A}", "'${...}' holds neither a variable name nor file:/path"),
        ("${A B}", "'${...}' holds neither a variable name nor file:/path"),
        ("${A-b}", "'${...}' holds neither a variable name nor file:/path"),
        ("${A:-${B}}", "a reference inside a reference is not supported"),
    ],
)
def test_a_malformed_reference_is_an_error(text, message):
    assert failures(text)[0][0] == message


@pytest.mark.parametrize("text", ["$", "$$", "$A", "{A}", "$ {A}", "}", "100%$"])
def test_a_text_without_references_is_left_alone(text):
    assert resolved(text, {"A": "x"}) == text


def test_an_escaped_reference_is_literal():
    assert resolved("$${A} ${A} $$${A}", {"A": "x"}) == "${A} x $${A}"


def test_what_was_put_in_is_not_looked_at_again():
    assert resolved("${A}", {"A": "${B} $${C}"}) == "${B} $${C}"


@settings(deadline=None)  # the machine may be busy
@given(st.text(alphabet="${}:-Aé\n", max_size=30) | st.text())
def test_any_text_survives_escaping_and_interpolation(text):
    assert resolved(escape(text)) == text


@settings(deadline=None)  # the machine may be busy
@given(before=st.text(), value=st.text(), after=st.text())
def test_any_value_arrives_unchanged_between_any_texts(before, value, after):
    if before.endswith("$"):
        before += " "
    assert resolved(escape(before) + "${V}" + escape(after), {"V": value}) == before + value + after
