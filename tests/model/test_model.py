"""The contract does what the model says, whatever happens in which order."""

import pytest

from tests.model.explore import explore
from tests.support.cluster import Database


@pytest.mark.timeout(300)
def test_a_slice_of_histories(db: Database) -> None:
    """The same ones in every run: a failure here comes with the change that made it."""
    explore(db, histories=30, steps=40, derandomize=True)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_two_thousand_histories(db: Database) -> None:
    """Other ones each time; a failure prints the shortest history that shows it."""
    explore(db, histories=2000, steps=60)
