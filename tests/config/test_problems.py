from gateway.config import ConfigError, Problem
from gateway.config.problems import Finding, Locator, Position, write_key_path


def test_a_problem_is_one_line_of_place_key_message_and_suggestion():
    problem = Problem("config.yaml", 12, 5, "backend.modules.locations.rol", "unknown key", "did you mean 'role'?")
    assert str(problem) == "config.yaml:12: backend.modules.locations.rol: unknown key, did you mean 'role'?"


def test_a_problem_without_line_key_or_suggestion_leaves_them_out():
    assert str(Problem("config.yaml", None, None, "", "can't be read")) == "config.yaml: can't be read"


def test_an_error_lists_its_problems_in_the_order_of_the_file():
    later, earlier = Problem("c", 9, 1, "b", "x"), Problem("c", 2, 1, "a", "x")
    error = ConfigError([later, earlier])
    assert error.problems == (earlier, later)
    assert str(error) == "c:2: a: x\nc:9: b: x"


def test_a_key_path_is_written_with_dots_and_brackets():
    assert write_key_path(("parties", 0, "role")) == "parties[0].role"
    assert write_key_path(()) == ""


def test_an_absent_key_is_reported_at_the_nearest_key_around_it():
    locator = Locator("c", {(): Position(1, 1), ("a",): Position(3, 2)})
    assert locator.problem(Finding(("a", "b", "c"), "missing")).line == 3
    assert locator.problem(Finding(("x",), "missing")).line == 1
