"""Fixtures of the store's tests."""

import pytest

from tests.store.books import Books


@pytest.fixture
def books(store, vault, clock):
    """The records of this test's database."""
    return Books(store, vault, clock)
