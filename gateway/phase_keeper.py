"""Who moves instruments from phase to phase by the clock: the calendars' times, the ends of halts, indicative prices.

It keeps nothing that has to survive: what is due follows from the instruments' phases, which are journaled, from the
configuration and from the time. So a phase that was missed while the exchange was down is made up for at the start,
once, and nothing is done twice. Owner: the matching thread.
"""

from collections.abc import Iterable, Mapping

from config.calendars import Calendar
from config.instruments import InstrumentSettings
from matching.commands import Command, SetTradingPhase, TellIndicativePrice
from matching.instrument import Instrument
from matching.phases import CLOSED, CONTINUOUS, DELISTED, HALTED, TABLE, VOLATILITY_HALT, next_towards
from matching.types import TradingPhase

BY_CALENDAR = "calendar"
BY_BREAKER = "circuit breaker"


class PhaseKeeper:
    """Says which commands are due. An instrument that an operator has halted is left alone until it is resumed."""

    def __init__(self, instruments: Iterable[InstrumentSettings]) -> None:
        self._calendars: dict[str, Calendar] = {}
        self.configure(instruments)

    def configure(self, instruments: Iterable[InstrumentSettings]) -> None:
        """Keep the calendars of these instruments from now on."""
        self._calendars = {each.symbol: each.calendar for each in instruments if each.calendar is not None}

    def calendar_of(self, symbol: str) -> Calendar | None:
        """Return the calendar of an instrument; None where it trades around the clock."""
        return self._calendars.get(symbol)

    def wanted(self, symbol: str, now_ns: int) -> TradingPhase:
        """Return the phase that the calendar says for a moment."""
        calendar = self._calendars.get(symbol)
        return CONTINUOUS if calendar is None else calendar.phase_at(now_ns)

    def due(self, instruments: Mapping[int, Instrument], now_ns: int) -> list[Command]:
        """Return the commands that are due: for an instrument the next phase on its way, else its indicative price."""
        phase_at: dict[Calendar, TradingPhase] = {}
        commands: list[Command] = []
        for instrument in instruments.values():
            calendar = self._calendars.get(instrument.symbol)
            if calendar is None and instrument.is_matching:
                # Most of a hundred thousand instruments, every second.
                continue
            if calendar is not None and calendar not in phase_at:
                phase_at[calendar] = calendar.phase_at(now_ns)
            wanted = None if calendar is None else phase_at[calendar]
            command = _command(instrument, wanted, now_ns)
            if command is not None:
                commands.append(command)
        return commands


def _command(instrument: Instrument, wanted: TradingPhase | None, now_ns: int) -> Command | None:
    """Return what is due for one instrument. `wanted` None: it has no calendar."""
    phase = instrument.phase
    if instrument.auction is not None or phase in (HALTED, DELISTED):
        return None
    instrument_id = instrument.instrument_id
    if phase == VOLATILITY_HALT:
        # A market that closes meanwhile does not wait for the end of a halt; one without an end waits for an operator.
        if wanted != CLOSED and (not instrument.until_ns or now_ns < instrument.until_ns):
            return TellIndicativePrice(instrument_id)
        following = next_towards(phase, wanted or CONTINUOUS)
        if following is None:
            return None
        return SetTradingPhase(instrument_id, following, BY_BREAKER, "end of the halt", may_extend=True)
    following = None if wanted is None else next_towards(phase, wanted)
    if following is not None:
        return SetTradingPhase(instrument_id, following, BY_CALENDAR, "")
    return TellIndicativePrice(instrument_id) if TABLE[phase].calls else None
