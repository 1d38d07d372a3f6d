"""What an operator sees at start: where the exchange listens, who can log on, and how to send a first order."""

import sys
from collections.abc import Sequence
from typing import TextIO

from config.passwords import shipped_passwords
from config.settings import Settings
from gateway.start_up import Started


def print_banner(settings: Settings, ports: Sequence[int], started: Started, output: TextIO = sys.stdout) -> None:
    """Print the start of the exchange; passwords only where they are the demo's own."""
    exchange = settings.exchange
    print(f"Outcry: durability {exchange.durability}, {len(settings.instruments)} instruments", file=output)
    print(f"  journal: {started.journal.folder}, {started.journal.last.seq} commands", file=output)
    for listener, port in zip(exchange.listeners, ports, strict=True):
        kind = "TLS" if listener.tls else "plain"
        print(f"  FIX {kind}: {listener.host}:{port}", file=output)
    shipped = {credential.secret for credential in shipped_passwords().values()}
    demo_users = {name for name, credential in settings.passwords.items() if credential.secret in shipped}
    by_comp: dict[str, list[str]] = {}
    for session in settings.sessions:
        by_comp.setdefault(session.target_comp_id, []).append(session.begin_string)
    print("  sessions (our CompID in brackets):", file=output)
    for session in settings.sessions:
        versions = by_comp.pop(session.target_comp_id, None)
        if versions is None:
            continue
        password = session.target_comp_id.lower()
        secret = f", password {password}" if session.username in demo_users else ""
        accounts = " ".join(session.accounts)
        print(
            f"    {session.target_comp_id} [{session.sender_comp_id}] {session.role} {accounts}: "
            f"{' '.join(versions)}{secret}",
            file=output,
        )
    print("  first order, from a second terminal: .venv/bin/outcry demo", file=output)
