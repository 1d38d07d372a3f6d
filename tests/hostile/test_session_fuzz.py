"""Random sessions by a grammar: whatever a member does, the exchange lives, the others trade, nothing is done twice.

A script that has found something belongs into tests/hostile/corpus, as `NAME.session`: it is played in every run.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.fuzz.test_field_values import trade
from tests.hostile.bystander import bounded_memory, bystander
from tests.hostile.grammar import ACTS, PLAIN, script
from tests.hostile.judge import CLOSE, GAP, LOGOUT, SILENCE, log_on_anew, outcome
from tests.hostile.player import Player
from tests.support.exchange import ExchangeProcess, running_exchange
from tests.support.fix_peer import FixPeer

CORPUS: Final = Path(__file__).parent / "corpus"
SEEDS: Final = 5
SOAK_SEEDS: Final = 600
SOAK_SEEDS_AT_ONCE: Final = 50
"""Seeds of one test: a few minutes, so that a test that hangs is told from one that is long."""
SOAK_STEPS: Final = 500
SOAK_FIRST_SEED: Final = 1_000
GROWTH_BYTES_MAX: Final = 64 << 20


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeProcess]:
    """One exchange for all scripts of a test; at the end its journal is compared with a replay."""
    with running_exchange(tmp_path_factory.mktemp("sessions")) as running:
        yield running
        assert running.terminate() == 0
        running.verify()


def lines_of(path: Path) -> list[str]:
    """Return the lines of a script, without comments."""
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]


def play(exchange: ExchangeProcess, lines: list[str], name: str, other: FixPeer) -> None:
    """Play a script; afterwards the session works, the other member trades, and nothing came twice."""
    peer = FixPeer(exchange.address, "FIX.4.4", "TRADER1")
    player = Player(peer)
    told = f"{name}; the script, for tests/hostile/corpus:\n" + "\n".join(lines)
    try:
        player.play(lines)
        log_on_anew(peer)
        peer.check_numbers = False
        found = outcome(peer, "D")
        # What the script has left unsent comes first, with PossResend(97), refusals among it.
        assert found.kind not in (SILENCE, LOGOUT, CLOSE, GAP), f"the session is stuck: {found}"
        assert not player.faults, player.faults
        assert player.received > len(lines) // 10, f"{player.received} messages received"
        trade(other)
        assert exchange.is_running, f"the exchange ended\n{exchange.errors()}"
    except AssertionError as error:
        raise AssertionError(f"{error}\nafter {told}") from error
    finally:
        peer.cut()


@pytest.mark.slow
def test_random_sessions_disturb_nobody(exchange: ExchangeProcess) -> None:
    with bystander(exchange) as other, bounded_memory(exchange, GROWTH_BYTES_MAX):
        for seed in range(SEEDS):
            play(exchange, script(seed), f"seed {seed}", other)


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.session")), ids=lambda path: path.stem)
def test_a_script_of_the_corpus_disturbs_nobody(path: Path, exchange: ExchangeProcess) -> None:
    with bystander(exchange) as other:
        play(exchange, lines_of(path), path.name, other)


@pytest.mark.soak
@pytest.mark.parametrize("first", range(SOAK_FIRST_SEED, SOAK_FIRST_SEED + SOAK_SEEDS, SOAK_SEEDS_AT_ONCE))
def test_many_random_sessions_disturb_nobody(
    first: int, exchange: ExchangeProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    with bystander(exchange) as other, bounded_memory(exchange, 4 * GROWTH_BYTES_MAX):
        for seed in range(first, first + SOAK_SEEDS_AT_ONCE):
            play(exchange, script(seed, SOAK_STEPS), f"seed {seed}", other)
        with capsys.disabled():
            done = first + SOAK_SEEDS_AT_ONCE - SOAK_FIRST_SEED
            print(f"random sessions: {done} of {SOAK_SEEDS} seeds, {SOAK_STEPS} steps each", flush=True)


def test_the_same_seed_makes_the_same_script() -> None:
    assert script(5) == script(5)
    assert script(5) != script(6)


def test_every_act_is_in_the_random_scripts() -> None:
    acts = {line.split()[0] for seed in range(SEEDS) for line in script(seed)}
    assert acts == set(ACTS)
    assert acts >= PLAIN


def test_the_corpus_speaks_the_grammar() -> None:
    paths = sorted(CORPUS.glob("*.session"))
    assert paths
    for path in paths:
        assert {line.split()[0] for line in lines_of(path)} <= set(ACTS), path.name
