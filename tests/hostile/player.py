"""Plays a script against the exchange, as a member who has lost his senses, and watches what he is told.

Whatever he does, an ExecID(17) comes once unless it is marked as a copy, and a ClOrdID(11) is accepted once.
Owner: one test.
"""

import select
from typing import Final

from tests.hostile.judge import close_gap, log_on_anew
from tests.support.fix_peer import Fields, FixPeer, Message, PeerClosedError, unique_id, utc_timestamp

READ_SECONDS: Final = 0.05
NOISE: Final = b"8=FIX.4.4\x019=12\x0135=D\x01\x00\xff8=FI"
ORDER_TERMS: Final = ((55, "MSFT"), (54, "1"), (38, "1"), (40, "2"), (44, "20.00"))


class Player:
    """One script on one session."""

    def __init__(self, peer: FixPeer) -> None:
        self._peer = peer
        self._ids: dict[int, str] = {}
        self._last_id = unique_id("P")
        self._request: Message | None = None
        self._exec_ids: set[str] = set()
        self._accepted: dict[str, str] = {}
        self.faults: list[str] = []
        self.received = 0

    def play(self, lines: list[str]) -> None:
        """Do every line; a connection that was closed meanwhile is opened again by the next line that needs it."""
        self._open(anew=True)
        for line in lines:
            try:
                self._do(line.split())
                if line == "read" and self._peer.is_connected:
                    select.select([self._peer], [], [], READ_SECONDS)
                self._watch()
            except PeerClosedError:
                self._peer.cut()
        self._finish()

    def _finish(self) -> None:
        """Log on once more and see the session work."""
        self._open(anew=True)

    def _open(self, *, anew: bool) -> None:
        self._request = None
        self._peer.check_numbers = False
        if not anew:
            try:
                self._peer.cut()
                self._peer.logon()
                return
            except (PeerClosedError, AssertionError):
                self._peer.cut()
        self._ids.clear()
        log_on_anew(self._peer)
        self._peer.check_numbers = False

    def _do(self, words: list[str]) -> None:
        act = words[0]
        if act in ("logon", "anew"):
            self._open(anew=act == "anew")
            return
        if act == "cut":
            self._peer.cut()
            return
        if not self._peer.is_connected:
            self._open(anew=False)
        if act == "noise":
            self._peer.send_raw(NOISE)
        elif act == "half":
            raw = self._peer.encode("D", self._body("D", []))
            self._peer.send_raw(raw[: len(raw) // 2])
        elif act == "answer":
            if self._request is not None:
                close_gap(self._peer, self._request)
                self._request = None
        elif act != "read":
            self._send(act, int(words[1]), words[2:])

    def _send(self, act: str, distance: int, more: list[str]) -> None:
        number = self._peer.next_out + distance
        fields: list[tuple[int, str]] = [(34, str(number))]
        if "dup" in more:
            fields += [(43, "Y"), (122, utc_timestamp(-1.0))]
        if "again" in more:
            fields.append((97, "Y"))
        if act == "D":
            if "again" not in more:
                known = self._ids.get(number) if "dup" in more else None
                self._last_id = known or unique_id("P")
            self._ids[number] = self._last_id
        self._peer.send_raw(self._peer.encode({"x": "ZZ"}.get(act, act), [*fields, *self._body(act, more)]))
        if distance == 0:
            self._peer.next_out += 1

    def _body(self, act: str, more: list[str]) -> Fields:
        peer = self._peer
        names = [(11, unique_id("P")), (41, self._last_id)]
        match act:
            case "D":
                return [(11, self._last_id), *ORDER_TERMS, (59, "3"), (60, utc_timestamp())]
            case "F":
                return [*names, *ORDER_TERMS[:3], (60, utc_timestamp())]
            case "G":
                return [*names, *ORDER_TERMS, (60, utc_timestamp())]
            case "H":
                return [(11, self._last_id), *ORDER_TERMS[:2]]
            case "1":
                return [(112, unique_id("T"))]
            case "2":
                begin, end = (int(word) for word in more[:2])
                first = begin if begin > 0 else max(peer.next_in + begin, 0)
                return [(7, str(first)), (16, str(end if end >= 0 else peer.next_in + end))]
            case "3":
                return [(45, "1")]
            case "4":
                flag = [(123, "Y")] if more[0] == "fill" else []
                return [*flag, (36, str(peer.next_out + int(more[1])))]
            case "A":
                return [*peer.logon_fields(), *([(141, "Y")] if "reset" in more else [])]
            case _:
                return []

    def _watch(self) -> None:
        """Take what has come and look at it."""
        if not self._peer.is_connected:
            return
        for message in self._peer.receive_nowait():
            self.received += 1
            if message.msg_type == "2":
                self._request = message
            elif message.msg_type == "8":
                self._look_at(message)
            elif message.msg_type == "A" and message.get(141) == "Y":
                self._peer.next_out = 2
            if message.msg_type != "4" and not message.poss_dup:
                self._peer.next_in = message.seq + 1

    def _look_at(self, report: Message) -> None:
        if report.poss_dup or report.get(97) == "Y" or report[150] == "I":
            return
        if report[17] in self._exec_ids:
            self.faults.append(f"ExecID(17) {report[17]} came twice: {report}")
        self._exec_ids.add(report[17])
        if report[150] == "0" and self._accepted.setdefault(report[11], report[17]) != report[17]:
            self.faults.append(f"ClOrdID(11) {report[11]} was accepted twice: {report}")
