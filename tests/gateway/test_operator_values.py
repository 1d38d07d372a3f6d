"""What operators name: what is known is found, and a complaint lists what may be named."""

import pytest

from gateway.admin import AdminError
from gateway.operator_values import known

IDS = {"ACC2": 2, "ACC1": 1}


def test_a_name_stands_for_what_it_names() -> None:
    assert [known("account", name, IDS) for name in ("ACC1", "ACC2")] == [1, 2]


@pytest.mark.parametrize("name", ["", "acc1", "ACC3"])
def test_what_is_not_known_is_refused_with_the_names_that_are(name: str) -> None:
    with pytest.raises(AdminError) as refused:
        known("account", name, IDS)
    assert str(refused.value) == f"account {name!r} is not known, allowed: ACC2, ACC1"
