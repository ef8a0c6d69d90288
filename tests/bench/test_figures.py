"""From slices to tables: what counts, ratios, and how they are written (bench/figures.py, bench/report.py)."""

import pytest

from bench import document, figures, report
from bench.cells import cell
from bench.figures import Figures, Spread
from bench.plan import QUICK
from bench.rounds import run
from bench.slices import Lane, Slice, wrong_with
from bench.workloads import FORWARDED, GET_2KB, POST_2KB, REFUSED, bad_headers, good_headers, in_turn

ALONE = dict.fromkeys(
    (
        "growth_mb",
        "growth_requests",
        "idle_mb",
        "streaming_adds_mb",
        "fresh_ready_seconds",
        "ready_seconds",
    ),
    1.0,
)


def slice_of(row, number, *, cpu_us=10.0, foreign_share=0.0, workload=GET_2KB.name):
    return Slice(
        row=row,
        workload=workload,
        number=number,
        requests=1000,
        cpu_us=cpu_us,
        p50_us=cpu_us,
        p99_us=cpu_us,
        foreign_share=foreign_share,
    )


def key(row):
    return GET_2KB.name, row


def test_a_ratio_is_the_median_of_the_ratios_within_rounds_and_not_the_ratio_of_medians():
    slices = [slice_of("ours", number, cpu_us=cost) for number, cost in enumerate((20, 40, 90))]
    slices += [slice_of("theirs", number, cpu_us=cost) for number, cost in enumerate((10, 10, 90))]

    assert Figures(slices).over(figures.cheaper, key("ours"), key("theirs")) == Spread(0.5, 0.25, 1.0)


def test_a_round_with_foreign_load_on_either_slice_does_not_count():
    slices = [slice_of(row, number) for row in ("ours", "theirs") for number in range(6)]
    slices += [slice_of("ours", 7, cpu_us=1.0), slice_of("theirs", 7, foreign_share=0.2)]

    assert Figures(slices).over(figures.cheaper, key("ours"), key("theirs")) == Spread(1.0, 1.0, 1.0)


def test_a_result_however_odd_counts_when_there_was_no_foreign_load():
    slices = [slice_of("ours", number, cpu_us=cost) for number, cost in enumerate((10, 10, 10, 10, 10, 900))]

    assert Figures(slices).over(figures.cpu_us, key("ours")) == Spread(10, 10, 900)


def test_where_too_few_rounds_count_the_least_disturbed_do_and_are_marked():
    slices = [slice_of("ours", number, cpu_us=number, foreign_share=number / 10) for number in range(9, 0, -1)]

    found = Figures(slices).over(figures.cpu_us, key("ours"))

    assert found == Spread(3, 1, 5, disturbed=True)
    assert cell(found) == "3.00 (1.00-5.00) \\*"


def test_rows_that_share_no_round_have_no_ratio():
    slices = [slice_of("ours", 1), slice_of("theirs", 2)]

    assert Figures(slices).over(figures.cheaper, key("ours"), key("theirs")) is None
    assert cell(None) == "-"


def test_tables_and_chart_are_made_of_the_document_without_the_peers_that_are_not_here(tmp_path):
    slices = [slice_of("OCPI Gateway", number, workload=each.name) for number in range(5) for each in FORWARDED]
    document.save(tmp_path, slices, ALONE, QUICK, about="a machine")

    text = document.show(tmp_path, page=None)

    assert text.startswith("a machine\n")
    assert "| OCPI Gateway |     10.0 |" in text
    assert (tmp_path / "latest.svg").read_text().startswith("<svg")


def test_the_tables_stand_between_the_marks_and_replace_those_before(tmp_path):
    page = tmp_path / "README.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")

    report.write_between_marks(page, "new\n")

    assert page.read_text() == f"before\n{report.BEGIN}\n\nnew\n\n{report.END}\nafter\n"


def test_a_page_without_marks_is_not_written(tmp_path):
    page = tmp_path / "README.md"
    page.write_text("mine")

    with pytest.raises(ValueError, match="no place"):
        report.write_between_marks(page, "new")
    assert page.read_text() == "mine"


@pytest.mark.parametrize(
    ("workload", "seen", "wrong"),
    [
        (GET_2KB, {"statuses": {"200": 5}, "shortest": 2048, "longest": 2048}, ""),
        (GET_2KB, {"statuses": {"200": 4, "502": 1}, "shortest": 2048, "longest": 2048}, "answered"),
        (GET_2KB, {"statuses": {"200": 5}, "shortest": 128, "longest": 2048}, "bodies of"),
        (REFUSED, {"statuses": {"401": 5}, "shortest": 0, "longest": 200}, ""),
        (REFUSED, {"statuses": {"200": 5}, "shortest": 2048, "longest": 2048}, "answered"),
    ],
)
def test_an_answer_that_is_not_as_it_must_be_is_found(workload, seen, wrong):
    assert wrong_with({"requests": 5, **seen}, workload).startswith(wrong)
    assert bool(wrong_with({"requests": 5, **seen}, workload)) == bool(wrong)


def test_good_and_bad_tokens_make_requests_of_one_length_and_none_is_both():
    good, bad = good_headers(1000), bad_headers()

    assert not {*good} & {*bad}
    assert len({*good}) == len({*bad}) == 997
    assert in_turn(GET_2KB, good)[1] == in_turn(GET_2KB, bad)[1]
    assert in_turn(POST_2KB, good)[0].count(b"POST ") == 997


def test_every_round_takes_each_lane_once_and_none_begins_that_would_end_too_late():
    lanes = [Lane(row=row, workload=GET_2KB, serving=None, port=0, headers=[]) for row in ("a", "b")]
    told = []

    slices = run(lanes, lambda lane, number: slice_of(lane.row, number), most=3, deadline=0.0, tell=told.append)

    assert sorted((each.number, each.row) for each in slices) == [(1, "a"), (1, "b")]
    assert told[0].startswith("round 1: ")
