"""The exchange that the tests of this folder speak to."""

import pytest

from tests.matching.harness import Harness


@pytest.fixture
def exchange() -> Harness:
    return Harness()
