"""kill -9 at every step of an append: the whole batch or nothing, and the journal goes on."""

from pathlib import Path

import pytest

from matching.journal import FAULT_POINTS, Journal
from tests.journal.building import batches, everything, state
from tests.journal.processes import python

SCRIPT = """
journal = Journal.open(sys.argv[1])
written = batches(6, text="x" * 2_000)
journal.append(written[:2], [state(next_sender=7)])

def die(step):
    if step == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)

journal.faults = die
journal.append(written[2:5], [state(next_sender=16)])
"""


@pytest.mark.slow
@pytest.mark.parametrize("step", FAULT_POINTS)
def test_a_process_killed_while_it_appends_leaves_all_or_nothing(tmp_path: Path, step: str) -> None:
    killed = python(SCRIPT, tmp_path, step)
    assert killed.returncode == -9, killed.stderr
    written = batches(6, text="x" * 2_000)
    survived = 5 if step == "committed" else 2
    journal = Journal.open(tmp_path)
    assert everything(journal) == written[:survived]
    assert journal.last[:2] == (survived, 2 * survived)
    assert journal.sessions() == {1: state(next_sender=3 * survived + 1)}
    assert journal.messages(1, 1, 1, 3 * survived, 1 << 30)[0] != []
    assert journal.holes(1, 1, 1, 15) == ([] if survived == 5 else [(7, 15)])
    journal.append(written[survived:])
    assert everything(journal) == written
    journal.close()
