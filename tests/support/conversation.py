"""Runs one conversation file against the real exchange.

Owner: one test. Every message that a peer receives must be the one that the file expects next;
at the end nothing may be left.
"""

import itertools
import re
import ssl
import time
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Final

from typer.testing import CliRunner

from gateway.cli.application import app
from tests.support.exchange import ExchangeProcess
from tests.support.fix_peer import FixPeer, Message, PeerClosedError, PeerError, unique_id, utc_timestamp
from tests.support.fix_versions import adapted
from tests.support.script import Expectation, FieldText, Script, Step
from tests.support.sent_table import check_sent

DECIMAL_TAGS: Final = frozenset({6, 14, 31, 32, 38, 44, 84, 99, 111, 151, 211, 270, 271, 839, 1138})
BARRIER: Final = "BARRIER"
"""What the ids of the runner's own questions begin with; their answers may be copied to drop copies."""
CUT_LOOKS: Final = 40
CUT_LOOK_SECONDS: Final = 0.05
UNTIL_LOOKS: Final = 100
UNTIL_LOOK_SECONDS: Final = 0.1
OPEN_STATUSES: Final = frozenset("015")
GROUPS: Final = {"W": (268, 269), "X": (268, 279), "N": (73, 11), "b": (295, 299), "BX": (1351, 1355), "B": (33, 58)}
ORDER_ENTRY: Final = ("TRADER1", "TRADER2", "MAKER1")
_VARIABLE: Final = re.compile(
    r"\$\{(?P<char>.)\*(?P<count>\d+)\}|\$(?P<name>[a-zA-Z]\w*(?:\.(?:in|out))?)(?P<shift>[+-]\d+(?:\.\d+)?s?)?"
)


class ConversationError(AssertionError):
    """The conversation went another way than the file says; names file, line and what was found."""


class Runner:
    """Runs the steps of one script in one version."""

    def __init__(self, script: Script, version: str, exchange: ExchangeProcess) -> None:
        self._script = script
        self._version = version
        self._exchange = exchange
        self._peers: dict[str, FixPeer] = {}
        self._strangers: set[str] = set()
        self._values: dict[str, str] = {}
        self._open: dict[str, dict[str, Message]] = {}
        self._pool: list[Message] = []
        self.heard: list[Message] = []
        """Every message that a peer was given, in order."""

    def run(self) -> None:
        """Run every step, then check that nobody was told more than the file says."""
        for step in self._script.steps:
            try:
                self._step(step)
            except (PeerError, ConversationError, LookupError) as error:
                place = f"{self._script.path.name}:{step.line} ({self._version}): {step.text}"
                raise ConversationError(f"{place}\n{error}\nserver:\n{self._exchange.errors(2_000)}") from error
        for name, peer in self._peers.items():
            if peer.is_connected and name not in self._strangers:
                self._expect_nothing(peer)

    def mop_up(self) -> None:
        """Cancel what is open and log out, so that the next conversation finds an empty book and agreed numbers."""
        for name, peer in self._peers.items():
            if name in self._strangers:
                peer.cut()
                continue
            if not peer.is_connected:
                if not self._open.get(name):
                    self._exchange.remember(peer)
                    continue
                peer.gap_allowed = True
                peer.logon()
                peer.recover()
            for report in list(self._open.get(name, {}).values()):
                cancel = ((11, unique_id()), (41, report[11]), (37, report[37]), (55, report[55]), (54, report[54]))
                peer.send("F", [*cancel, (38, report[38]), (60, utc_timestamp())])
                while (answer := peer.receive()).msg_type not in "89" or answer.get(37) != report[37]:
                    pass
            peer.logout()
            self._exchange.remember(peer)

    def close(self) -> None:
        """Cut every connection."""
        for peer in self._peers.values():
            peer.cut()

    def _step(self, step: Step) -> None:
        if step.action in ("session", "stranger"):
            self._declare(step)
        elif step.action == "outcry":
            self._operate(step.words)
        elif step.action == "until":
            self._wait_until(step)
        elif step.action in ("restart", "kill9", "verify"):
            self._world(step.action)
        else:
            self._act(self._peers[step.subject], step)

    def _operate(self, words: Sequence[str]) -> str:
        """Run a command of `outcry` against the exchange, as its operator would; return what it says."""
        words = [_VARIABLE.sub(self._known, word) for word in words]
        result = CliRunner().invoke(app, [*words, "--data", str(self._exchange.data_dir)])
        if result.exit_code != 0:
            raise ConversationError(f"outcry {' '.join(words)}: exit code {result.exit_code}: {result.output}")
        return result.output

    def _wait_until(self, step: Step) -> None:
        """Run a command of `outcry` until what it says contains the first word."""
        wanted, *words = step.words
        for _ in range(UNTIL_LOOKS):
            said = self._operate(words)
            if wanted in said:
                return
            time.sleep(UNTIL_LOOK_SECONDS)
        raise ConversationError(f"outcry {' '.join(words)} never said {wanted!r}: {said}")

    def _known(self, match: re.Match[str]) -> str:
        """Return the value of a variable in a command of `outcry`."""
        if match["char"] or match["shift"] or match["name"] not in self._values:
            raise ConversationError(f"{match[0]} has no value yet")
        return self._values[match["name"]]

    def _declare(self, step: Step) -> None:
        comp_id, *words = step.words
        version = next((word for word in words if word.startswith("FIX")), self._version)
        peer = self._exchange.peer(comp_id, version)
        if "tls" in words:
            peer = FixPeer(
                ("127.0.0.1", self._exchange.tls_port),
                version,
                comp_id,
                next_out=peer.next_out,
                next_in=peer.next_in,
                tls=client_tls(),
            )
        self._peers[step.subject] = peer
        if step.action == "stranger":
            self._strangers.add(step.subject)
            peer.check_numbers = False
        elif "later" not in words:
            peer.logon()

    def _world(self, action: str) -> None:
        if action == "kill9":
            self._exchange.kill()
        else:
            code = self._exchange.terminate()
            if code != 0:
                raise ConversationError(f"exit code {code} after SIGTERM, expected 0")
        for peer in self._peers.values():
            if action != "kill9" and peer.is_connected:
                self._expect_logout(peer)
            peer.cut()
        if action == "verify":
            self._exchange.verify()
        self._exchange.start()

    def _expect_logout(self, peer: FixPeer) -> None:
        said = [message for message in peer.expect_closed() if message.msg_type != "0"]
        if [message.msg_type for message in said] != ["5"]:
            raise ConversationError(f"{peer.comp_id}: expected Logout(5) and a close on SIGTERM, found {said}")

    def _act(self, peer: FixPeer, step: Step) -> None:
        match step.action:
            case ">":
                peer.send(step.words[0], self._outgoing(step.words[0], step.fields, peer))
            case "<" | "<any":
                self._expect(peer, step)
            case "connect":
                peer.connect()
            case "logon":
                peer.gap_allowed = "gap" in step.words
                answer = self._logon(peer, self._outgoing("A", step.fields, peer))
                self._match(peer, step, answer, [Expectation(35, "equal", "A")])
            case "logout":
                left = [message for message in peer.logout() if message.msg_type != "0"]
                if left:
                    raise ConversationError(f"before the Logout came {left}")
            case "cut":
                peer.cut()
            case "closed":
                left = [message for message in peer.expect_closed() if message.msg_type != "0"]
                if left:
                    raise ConversationError(f"before the close came {left}")
            case "bytes":
                peer.send_raw(_bytes(self._substituted(step.words[0], peer, bind=True)))
            case "number":
                peer.next_out = int(self._substituted(step.words[0], peer, bind=False))

    def _logon(self, peer: FixPeer, fields: list[tuple[int, str]]) -> Message:
        """Log on; after a cut again, as long as the exchange has not noticed it: the former connection is live then."""
        number = peer.next_out
        for _ in range(CUT_LOOKS if peer.was_cut else 0):
            try:
                return peer.logon(fields)
            except PeerClosedError:
                peer.close()
                peer.next_out = number
                time.sleep(CUT_LOOK_SECONDS)
        return peer.logon(fields)

    def _outgoing(self, msg_type: str, fields: Sequence[FieldText], peer: FixPeer) -> list[tuple[int, str]]:
        """Return the fields to send: those of the file, and what an order in this version must have besides."""
        version = peer.begin_string
        chosen = [one.expectation for one in fields if not one.versions or version in one.versions]
        absent = {one.tag for one in chosen if one.kind == "absent"}
        pairs = [(one.tag, self._substituted(one.value, peer, bind=True)) for one in chosen if one.kind == "equal"]
        pairs += [(tag, "!") for tag in absent if tag in (34, 35, 49, 52, 56)]
        given = {tag for tag, _ in pairs} | absent
        if msg_type in "DFG" and 60 not in given:
            pairs.append((60, utc_timestamp()))
        if msg_type in "DG" and version == "FIX.4.2" and 21 not in given:
            pairs.append((21, "1"))
        return pairs

    def _substituted(self, text: str, peer: FixPeer, *, bind: bool) -> str:
        """Return `text` with its variables; an unknown one becomes a new unique id where `bind`."""

        def value(match: re.Match[str]) -> str:
            if match["char"]:
                return match["char"] * int(match["count"])
            name, shift = match["name"], match["shift"] or ""
            if name == "now":
                return utc_timestamp(float(shift.rstrip("s") or 0))
            if name.endswith((".in", ".out")):
                owner = self._peers[name.partition(".")[0]]
                return str((owner.next_in if name.endswith(".in") else owner.next_out) + int(shift or 0))
            if name not in self._values:
                if not bind:
                    raise ConversationError(f"${name} has no value yet")
                self._values[name] = unique_id()
            known = self._values[name]
            return str(int(known) + int(shift)) if shift else known

        return _VARIABLE.sub(value, text)

    def _next(self, peer: FixPeer, wanted: str) -> Message:
        """Return the next message that is not the session layer's own small talk."""
        while True:
            message = peer.receive()
            check_sent(message)
            self.heard.append(message)
            is_copy = peer.comp_id not in ORDER_ENTRY and (message.get(11) or "").startswith(BARRIER)
            if message.msg_type == "1" and wanted != "1":
                peer.send("0", [(112, message[112])])
            elif (message.msg_type != "0" or wanted == "0") and not is_copy:
                return message

    def _expect(self, peer: FixPeer, step: Step) -> None:
        if step.words[0] == "none":
            self._expect_nothing(peer)
            return
        wanted = [Expectation(35, "equal", step.words[0])]
        if step.action == "<any":
            self._match_one_of(peer, step, wanted)
        else:
            self._match(peer, step, self._next(peer, step.words[0]), wanted)

    def _match_one_of(self, peer: FixPeer, step: Step, wanted: list[Expectation]) -> None:
        """Match one of as many messages as there are `<any` lines in a row, whichever of them it fits."""
        steps = self._script.steps
        if not self._pool:
            run = itertools.takewhile(
                lambda one: one.action == "<any" and one.subject == step.subject, steps[steps.index(step) :]
            )
            self._pool = [self._next(peer, step.words[0]) for _ in run]
        faults: list[str] = []
        for message in self._pool:
            saved = dict(self._values)
            try:
                self._match(peer, step, message, wanted)
            except ConversationError as error:
                faults.append(str(error))
                self._values = saved
            else:
                self._pool.remove(message)
                return
        raise ConversationError("\n".join(faults))

    def _match(self, peer: FixPeer, step: Step, message: Message, more: list[Expectation]) -> None:
        if message.msg_type == "8":
            self._note_order(peer, message)
        if step.action in ("<", "<any"):
            chosen = [one.expectation for one in step.fields if not one.versions or peer.begin_string in one.versions]
            faults = [
                fault
                for one in [*more, *adapted(step.words[0], chosen, peer.begin_string)]
                if (fault := self._fault(one, message.values(one.tag), peer))
            ]
            faults += self._group_faults(step, message, peer)
        else:
            faults = [fault for one in more if (fault := self._fault(one, message.values(one.tag), peer))]
        if message.msg_type == "8":
            faults += report_faults(message)
        if faults:
            raise ConversationError(f"found {message}\n" + "\n".join(faults))

    def _fault(self, one: Expectation, found: list[str], peer: FixPeer) -> str:
        """Return what is wrong with the values of one field, or nothing."""
        if one.kind == "absent":
            return f"{one.tag}={found[0]} must be absent" if found else ""
        if not found:
            return f"{one.tag} is absent"
        if one.kind == "present":
            return ""
        name = one.value[1:] if re.fullmatch(r"\$[a-zA-Z]\w*", one.value) else ""
        if name and name != "now" and name not in self._values and one.kind == "equal":
            self._values[name] = found[0]
            return ""
        value = self._substituted(one.value, peer, bind=False)
        if one.kind == "contains":
            return "" if value in found[0] else f"{one.tag}={found[0]} does not contain {value!r}"
        same = values_equal(one.tag, found[0], value)
        if one.kind == "differs":
            return f"{one.tag}={found[0]} must differ from {value}" if same else ""
        return "" if same else f"{one.tag}={found[0]}, expected {value}"

    def _group_faults(self, step: Step, message: Message, peer: FixPeer) -> list[str]:
        """Match each {...} of the file with an entry of its own; the entries may come in any order."""
        if not step.groups:
            return []
        entries = message.groups(*GROUPS[message.msg_type])
        faults = [] if len(entries) == len(step.groups) else [f"{len(entries)} entries, expected {len(step.groups)}"]
        for group in step.groups:
            wanted = [one.expectation for one in group if not one.versions or peer.begin_string in one.versions]
            for entry in entries:
                saved = dict(self._values)
                if not any(self._fault(one, [entry[one.tag]] if one.tag in entry else [], peer) for one in wanted):
                    entries.remove(entry)
                    break
                self._values = saved
            else:
                faults.append(f"no entry {wanted} among {entries}")
        return faults

    def _note_order(self, peer: FixPeer, report: Message) -> None:
        name = next(name for name, known in self._peers.items() if known is peer)
        orders = self._open.setdefault(name, {})
        if peer.comp_id not in ORDER_ENTRY or report[37] == "NONE":
            return
        if report[39] in OPEN_STATUSES:
            orders[report[37]] = report
        else:
            orders.pop(report[37], None)

    def _expect_nothing(self, peer: FixPeer) -> None:
        """Ask something that is answered in turn, and check that only the answer comes."""
        mark = unique_id(BARRIER)
        if peer.comp_id in ORDER_ENTRY:
            fields = [(11, mark), (55, "AAPL"), (54, "1")]
            peer.send("H", fields if peer.begin_string == "FIX.4.2" else [*fields, (790, mark)])
        elif peer.comp_id == "MD1":
            peer.send("V", [(262, mark), (263, "0"), (264, "1"), (267, "1"), (269, "0"), (146, "1"), (55, "NOSUCH")])
        else:
            peer.send("1", [(112, mark)])
        while True:
            message = self._next(peer, "0")
            if any(value == mark for _, value in message.fields):
                return
            if message.msg_type != "0":
                raise ConversationError(f"{peer.comp_id} was told more than the file says: {message}")


def values_equal(tag: int, found: str, expected: str) -> bool:
    """Compare prices and quantities as numbers, all else as text."""
    if tag in DECIMAL_TAGS:
        try:
            return Decimal(found) == Decimal(expected)
        except InvalidOperation:
            return False
    return found == expected


def report_faults(report: Message) -> list[str]:
    """Return what no ExecutionReport(8) may get wrong, whatever it reports."""
    tags = [37, 17, 150, 39, 11, 54, 151, 14, 6]
    if 584 in report and report[37] == "NONE":
        # It answers a request that has no ClOrdID(11), and tells of no order.
        tags.remove(11)
    faults = [f"{tag} is absent" for tag in tags if tag not in report]
    if faults:
        return faults
    leaves, cum, average = (Decimal(report[tag]) for tag in (151, 14, 6))
    if report[17] == report[37]:
        faults.append("ExecID(17) equals OrderID(37)")
    if report[39] in OPEN_STATUSES and Decimal(report[38]) != leaves + cum:
        faults.append("OrderQty(38) is not CumQty(14) + LeavesQty(151) of an open order")
    if report[39] not in OPEN_STATUSES and leaves != 0:
        faults.append("LeavesQty(151) of a closed order is not 0")
    if (cum == 0) != (average == 0):
        faults.append("AvgPx(6) and CumQty(14) contradict each other")
    is_fill = report[150] in "F12G" or report.get(20) == "2"
    if 31 in report and not (is_fill and Decimal(report[32]) > 0):
        faults.append("LastPx(31) without a fill")
    return faults


def client_tls() -> ssl.SSLContext:
    """Return a context that speaks TLS 1.2 or later; the self-made certificate of the demo is not verified."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _bytes(text: str) -> bytes:
    """Return the bytes of a raw line: | is SOH, \\xNN a byte."""
    text = text.replace("|", "\x01")
    return re.sub(r"\\x([0-9a-fA-F]{2})", lambda match: chr(int(match[1], 16)), text).encode("latin-1")


__all__ = ["ConversationError", "PeerClosedError", "Runner", "client_tls", "report_faults", "values_equal"]
