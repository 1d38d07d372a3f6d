"""The exchange that the tests of this folder speak to."""

import pytest

from tests.matching.harness import Harness, RestartingHarness


@pytest.fixture
def exchange() -> Harness:
    return Harness()


@pytest.fixture(params=["steady", "restarting"])
def special(request: pytest.FixtureRequest) -> Harness:
    """An exchange for orders with terms: as it runs, and restarted from a snapshot after each command."""
    return RestartingHarness() if request.param == "restarting" else Harness()
