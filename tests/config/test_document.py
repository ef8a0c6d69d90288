import pytest

from gateway.config.document import MAX_VALUES, UnreadableYamlError, read_document


def read(text, environ=None):
    return read_document(text, source="c.yaml", environ=environ or {})


def syntax_error(text):
    with pytest.raises(UnreadableYamlError) as caught:
        read(text)
    return str(caught.value.problem)


def test_every_scalar_stays_text():
    document = read("a: NO\nb: 2.2\nc: 1E3\nd: 012\ne: on\nf: 2024-01-01\ng: '1'\nh: 0x10\n")
    assert list(document.values.values()) == ["NO", "2.2", "1E3", "012", "on", "2024-01-01", "1", "0x10"]


def test_nothing_and_null_are_none_but_an_empty_quoted_text_is_text():
    assert read("a:\nb: null\nc: ~\nd: ''\n").values == {"a": None, "b": None, "c": None, "d": ""}


def test_a_plain_value_that_interpolates_to_nothing_is_none_and_a_quoted_one_is_empty_text():
    assert read("a: ${X:-}\nb: '${X:-}'\n").values == {"a": None, "b": ""}


def test_an_empty_document_is_none():
    assert read("# only a comment\n").values is None


def test_keys_and_list_entries_know_their_line_and_column():
    document = read("a:\n  b:\n    - x\n    - c: 1\n")
    positions = document.locator.positions
    assert [
        (positions[path].line, positions[path].column) for path in [("a", "b"), ("a", "b", 0), ("a", "b", 1, "c")]
    ] == [
        (2, 3),
        (3, 7),
        (4, 7),
    ]


def test_a_duplicate_key_names_both_lines_and_keeps_the_first_value():
    document = read("a:\n  b: 1\n  c: 2\n  b: 3\n")
    assert [str(problem) for problem in document.problems] == [
        "c.yaml:4: a.b: duplicate key, first given on line 2, remove one"
    ]
    assert document.values == {"a": {"b": "1", "c": "2"}}


def test_keys_that_differ_only_in_quotes_are_duplicates():
    assert "duplicate key" in str(read("a: 1\n'a': 2\n").problems[0])


def test_a_key_that_is_not_a_name_is_a_problem_and_the_rest_is_read():
    document = read("a: 1\n? [x]\n: 2\nb: 3\n")
    assert [str(problem) for problem in document.problems] == ["c.yaml:2: a key must be a plain name, quote it"]
    assert document.values == {"a": "1", "b": "3"}


@pytest.mark.parametrize("value", ["!secret x", "!!python/object:os.system x", "!!binary aGk=", "!!set {x}", "!x [1]"])
def test_tags_are_not_supported(value):
    document = read(f"a: 1\nb: {value}\n")
    assert [str(problem) for problem in document.problems] == [
        "c.yaml:2: b: YAML tags are not supported, quote a value that begins with '!'"
    ]
    assert document.unusable == {("b",)}


def test_anchors_and_aliases_work():
    assert read("a: &x {k: 1}\nb: *x\n").values == {"a": {"k": "1"}, "b": {"k": "1"}}


def test_an_anchor_bomb_is_refused_and_not_expanded():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "too many or too deeply nested values" in syntax_error("\n".join(lines))


def test_an_anchor_that_holds_itself_is_refused():
    assert syntax_error("a: &x [*x, *x]\n") == (
        "c.yaml:1: a[0][0]: too many or too deeply nested values, look at the anchors and aliases"
    )


def test_a_long_list_is_refused_at_the_limit():
    assert read("a: [" + "x, " * (MAX_VALUES - 2) + "]\n").problems == ()
    assert "too many" in syntax_error("a: [" + "x, " * MAX_VALUES + "]\n")


@pytest.mark.parametrize("depth", [40, 5000])
def test_deep_nesting_is_refused(depth):
    assert "nested" in syntax_error("a: " + "[" * depth + "]" * depth)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: c: d\n", "2: mapping values are not allowed here, check the indentation"),
        ("a:\n\t- b\n", "2: while scanning for the next token, found character '\\t' that cannot start any token"),
        ("a: 1\nb: {p: ${PORT}}\n", "2: while parsing a flow mapping, expected ',' or '}', but got '{'"),
        ("a: 'x\n", "2: while scanning a quoted scalar, found unexpected end of stream"),
        ("a: *other\n", "1: found undefined alias '...', quote a value that begins with '*'"),
        ("a: !x!y z\n", "1: while parsing a node, found undefined tag handle '...', quote a value"),
        ("a: &x1 1\nb: &x1 2\n", "2: found duplicate anchor '...'; first occurrence, second occurrence"),
        ("a: 1\n---\nb: 2\n", "2: expected a single document in the stream, but found another document, keep"),
        ("a: 1\nb: \x07\n", "2: a control character, remove it"),
        ("- a\nb: c\n", "2: while parsing a block collection, expected <block end>, but found '?'"),
    ],
)
def test_a_syntax_error_names_its_line_and_often_the_cause(text, expected):
    line, _, words = expected.partition(": ")
    assert syntax_error(text).startswith(f"c.yaml:{line}: YAML syntax: {words}")


def test_a_reference_inside_braces_gets_the_hint_to_quote_it():
    assert syntax_error("listen: {port: ${PORT}}\n").endswith("quote '${...}' where it stands inside { }")


def test_each_unresolved_reference_is_a_problem_of_its_own():
    document = read("a:\n  - x ${ONE} ${TWO}\n")
    assert [(problem.line, problem.key_path) for problem in document.problems] == [(2, "a[0]"), (2, "a[0]")]
    assert document.unusable == {("a", 0)}


def test_keys_are_not_interpolated():
    assert read("'${A}': 1\n", {"A": "b"}).values == {"${A}": "1"}
