"""The model finds faults: each is planted in a clone of its own, and a few histories must run into it."""

import pytest
from hypothesis import Phase

from tests.model.explore import explore
from tests.model.planted import FAULTS, FENCE_AND_PLACES, Fault
from tests.support.cluster import Database


def finds(db: Database, fault: Fault, histories: int) -> None:
    fault.plant(db)
    with pytest.raises(AssertionError):  # the first history that shows it will do: none is made shorter
        explore(db, histories, steps=40, derandomize=True, phases=[Phase.generate])


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", FENCE_AND_PLACES, ids=lambda fault: fault.name)
def test_a_broken_fence_or_place_is_found(db: Database, fault: Fault) -> None:
    finds(db, fault, 120)


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_every_other_fault_is_found(db: Database, fault: Fault) -> None:
    finds(db, fault, 2000)
