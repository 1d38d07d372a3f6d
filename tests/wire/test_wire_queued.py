"""Messages that waited behind a gap are judged as those that did not."""

import pytest

from tests.wire.peer import APP, Exchange

ORDER = "11={0}|55=AAPL|54=1|38=10|40=2|44=1.5|60=20240229-12:00:00|"


@pytest.mark.parametrize("after", [0, 1])
def test_a_byte_that_is_no_text_is_rejected_behind_a_gap_too(exchange: Exchange, after: int) -> None:
    peer = exchange.logged_on()
    gap = peer.next_num
    peer.send("D", ORDER.format("b\xff"), num=gap + 1)
    for number in range(after):
        peer.send("D", ORDER.format(f"c{number}"), num=gap + 2 + number)
    peer.expect("2")
    peer.send("D", ORDER.format("a"), num=gap)
    reject = peer.expect("3")
    assert (reject[45], reject[371], reject[372]) == (str(gap + 1), "11", "D")
    found = [item[6][0] for item in exchange.wait_for(APP, count=1 + after)]
    assert found == ["a", *(f"c{number}" for number in range(after))]
