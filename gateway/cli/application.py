"""The table of commands with their examples, and the application built from it."""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import typer

from gateway.cli import (
    check,
    instruments,
    journal,
    limits,
    live,
    prices,
    quotes,
    session_changes,
    sessions,
    setup,
    trades,
)
from gateway.cli.certify import certify
from gateway.cli.demo import demo
from gateway.cli.kill_report import kill_report

Command: TypeAlias = tuple[str, Callable[..., None], tuple[str, ...]]
"""Name, what it does, examples."""

COMMANDS: Final[tuple[Command, ...]] = (
    ("serve", setup.serve, ("outcry serve", "outcry serve --config /etc/outcry --data /var/lib/outcry")),
    (
        "check",
        check.check,
        ("outcry check", "outcry check --config /etc/outcry --data /var/lib/outcry", "outcry check --json"),
    ),
    (
        "passwd",
        setup.passwd,
        (
            "outcry passwd TRADER1 --config /etc/outcry",
            "pass show trader1 | outcry passwd TRADER1 --stdin",
            "outcry passwd BOT1 --hmac",
        ),
    ),
    (
        "certify",
        certify,
        (
            "outcry certify --member CLIENT1 --password client1 --out certification",
            "outcry certify --list --begin-string FIXT.1.1",
            "outcry certify --case logon --case resend --json",
        ),
    ),
    ("demo", demo, ("outcry demo", "outcry demo --json")),
    ("status", live.status, ("outcry status", "outcry status --watch 1", "outcry status --json")),
    ("halt", instruments.halt, ('outcry halt AAPL --reason "news pending"',)),
    ("resume", instruments.resume, ("outcry resume AAPL", "outcry resume AAPL --auction 300")),
    ("phase", instruments.phase, ("outcry phase AAPL 'opening auction'", "outcry phase AAPL continuous")),
    ("mark", prices.mark, ('outcry mark BTC-PERP 60100.5 --reason "index of 10:00"',)),
    (
        "bust",
        trades.bust,
        ('outcry bust T1207 --reason "erroneous price"', 'outcry bust E5119 --reason "erroneous price"'),
    ),
    ("correct", trades.correct, ('outcry correct T1207 --price 585.10 --reason "ruling of 14:00"',)),
    ("transfer", live.transfer, ("outcry transfer ACC1 2500000 USD --from aapl --to msft",)),
    ("fix-log", live.fix_log, ("outcry fix-log on",)),
    ("snapshot", live.snapshot, ("outcry snapshot",)),
    (
        "stop",
        live.stop,
        ("outcry stop", 'outcry stop --in 5m --text "release 0.2"', 'outcry stop --call-off --text "tomorrow"'),
    ),
    (
        "replay",
        journal.replay,
        (
            "outcry replay --from 1000 --to 1010",
            "outcry replay --json | jq 'select(.command.type == \"NewOrder\")'",
        ),
    ),
    ("verify", journal.verify, ("outcry verify --data /var/lib/outcry",)),
)
KILL_SWITCH: Final[tuple[Command, ...]] = (
    (
        "engage",
        live.engage,
        (
            'outcry kill-switch engage --account ACC1 --reason "fat finger"',
            'outcry kill-switch engage --firm FIRM1 --reason "runaway"',
            'outcry kill-switch engage --market --reason "drill"',
        ),
    ),
    ("release", live.release, ('outcry kill-switch release --account ACC1 --reason "checked"',)),
    ("report", kill_report, ("outcry kill-switch report", "outcry kill-switch report --json")),
)
LIMITS: Final[tuple[Command, ...]] = (
    (
        "override",
        limits.override,
        (
            'outcry limits override ACC1 --symbol AAPL --order-qty-max 500 --for 2h --reason "news"',
            'outcry limits override --firm FIRM1 --open-value-max 5000000 --for 2h --reason "news"',
            'outcry limits override ACC1 --sides sell --reason "reduce only by order of the desk"',
        ),
    ),
    ("restore", limits.restore, ('outcry limits restore ACC1 --symbol AAPL --reason "over"',)),
    ("list", limits.list_overrides, ("outcry limits list", "outcry limits list --json")),
)
QUOTES: Final[tuple[Command, ...]] = (
    (
        "reset",
        quotes.reset,
        ("outcry quotes reset 'FIX.4.4:OUTCRY->MAKER1' --symbol AAPL --reason \"spoken with the desk\"",),
    ),
    ("list", quotes.list_frozen, ("outcry quotes list", "outcry quotes list --json")),
)
SESSIONS: Final[tuple[Command, ...]] = (
    ("list", sessions.list_sessions, ("outcry sessions list", "outcry sessions list --json")),
    (
        "reload",
        session_changes.reload_sessions,
        ("outcry sessions reload --dry-run", 'outcry sessions reload --reason "ticket 4711"'),
    ),
    (
        "add",
        session_changes.add,
        ("outcry sessions add 'FIX.4.4:OUTCRY->TRADER9' --set Accounts=ACC1 --set CancelOnDisconnect=Y",),
    ),
    (
        "change",
        session_changes.change,
        ("outcry sessions change 'FIX.4.4:OUTCRY->TRADER1' --set MessageRate=200 --unset MessageBurst",),
    ),
    (
        "remove",
        session_changes.remove,
        ("outcry sessions remove 'FIX.4.4:OUTCRY->TRADER9' --cancel-orders",),
    ),
    ("logout", sessions.logout, ("outcry sessions logout 'FIX.4.4:OUTCRY->TRADER1'",)),
    ("enable", sessions.enable, ("outcry sessions enable 'FIX.4.4:OUTCRY->TRADER1'",)),
    ("disable", sessions.disable, ("outcry sessions disable 'FIX.4.4:OUTCRY->TRADER1'",)),
    ("reset", sessions.reset, ("outcry sessions reset 'FIX.4.4:OUTCRY->TRADER1'",)),
    (
        "renumber",
        sessions.renumber,
        ("outcry sessions renumber 'FIX.4.4:OUTCRY->TRADER1' --next-sender 120 --next-target 88",),
    ),
)
INSTRUMENTS: Final[tuple[Command, ...]] = (
    ("reload", instruments.reload_instruments, ("outcry instruments reload", "outcry instruments reload --json")),
    ("delist", instruments.delist, ('outcry instruments delist AAPL --reason "merger"',)),
    ("relist", instruments.relist, ('outcry instruments relist AAPL --reason "the merger is off"',)),
)
HELP_WIDTH: Final = 110
_VERBATIM: Final = "\b\n"
"""What tells the help to leave the lines of a paragraph as they are."""


def build() -> typer.Typer:
    """The application with every command."""
    app = _group(
        "outcry",
        "An exchange that is reached over FIX.",
        COMMANDS,
        epilog=_VERBATIM
        + "Start:       outcry serve\n"
        + "First order: outcry demo, from a second terminal\n"
        + "Exit codes:  0 in order, 2 bad configuration or usage, 1 otherwise",
    )
    stop_text = "Stop new orders of a session, account, firm or the market, and cancel what is open."
    app.add_typer(_group("kill-switch", stop_text, KILL_SWITCH))
    app.add_typer(_group("limits", "Change limits of accounts and firms, and permissions, during the day.", LIMITS))
    app.add_typer(_group("quotes", "List and reset quotes that market-maker protection has frozen.", QUOTES))
    app.add_typer(_group("sessions", "List, add, change, remove and steer FIX sessions.", SESSIONS))
    app.add_typer(
        _group("instruments", "Add, change, delist and list again instruments while trading goes on.", INSTRUMENTS)
    )
    return app


def _group(name: str, text: str, commands: tuple[Command, ...], *, epilog: str | None = None) -> typer.Typer:
    settings: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": HELP_WIDTH}
    group = typer.Typer(
        name=name,
        help=text,
        epilog=epilog,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings=settings,
    )
    for command_name, function, examples in commands:
        shown = _VERBATIM + "\n".join(["Examples:", *(f"  {example}" for example in examples)])
        group.command(command_name, epilog=shown, context_settings=settings)(function)
    return group


app: Final = build()


def main() -> None:
    """Run the command that the shell names."""
    app()
