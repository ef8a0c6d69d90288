"""Counts of several workers, added up."""

import os

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from gateway.observe.board import Board, Summed


def registry_with(number, *labels):
    registry = CollectorRegistry()
    counter = Counter("requests_total", "Requests.", ["partner"], registry=registry)
    for label in labels:
        counter.labels(label).inc(number)
    Histogram("seconds", "Seconds.", registry=registry, buckets=(1, 2)).observe(number)
    return registry


def test_a_place_that_was_never_written_is_empty():
    assert list(Board(3).of_others(1)) == [b"", b""]


def test_each_worker_reads_what_the_others_last_put_up():
    board = Board(3)
    for worker, text in ((0, b"zero"), (1, b"one"), (2, b"two"), (0, b"again")):
        assert board.put_up(worker, text)

    assert list(board.of_others(1)) == [b"again", b"two"]
    assert list(board.of_others(0)) == [b"one", b"two"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # this process has threads; the child does next to nothing
def test_it_is_shared_with_a_process_that_was_forked_off():
    board = Board(2)
    pid = os.fork()
    if pid == 0:
        board.put_up(1, b"from a child")
        os._exit(0)
    os.waitpid(pid, 0)

    assert list(board.of_others(0)) == [b"from a child"]


def test_what_is_too_long_is_refused_and_what_was_there_stays():
    board = Board(2)
    board.put_up(1, b"short")

    assert not board.put_up(1, b"x" * 17 * 2**20)
    assert list(board.of_others(0)) == [b"short"]


def test_a_place_whose_writer_died_half_way_is_empty_until_it_is_written_again():
    board = Board(2)
    board.put_up(1, b"before")
    board._memory[16 * 2**20] += 1  # as after the first of its two marks

    assert list(board.of_others(0)) == [b""]
    board.put_up(1, b"after")
    assert list(board.of_others(0)) == [b"after"]


@pytest.mark.parametrize("others", [1, 2])
def test_counts_and_histograms_are_added_label_by_label(others):
    own = registry_with(1, "acme", "mine")
    theirs = generate_latest(registry_with(2, "acme", "theirs"))

    lines = generate_latest(Summed(own.collect(), [theirs, b""] * others)).decode().splitlines()

    assert f'requests_total{{partner="acme"}} {1.0 + 2 * others}' in lines
    assert 'requests_total{partner="mine"} 1.0' in lines
    assert f'requests_total{{partner="theirs"}} {2.0 * others}' in lines
    assert f"seconds_count {1.0 + others}" in lines
    assert f"seconds_sum {1.0 + 2 * others}" in lines
    assert f'seconds_bucket{{le="2.0"}} {1.0 + others}' in lines
