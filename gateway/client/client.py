"""A FIX client for programs: one session over TCP or TLS, driven by its user's calls, without threads of its own."""

import secrets
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, Literal, NoReturn, Self, TypeAlias

from gateway.client import requests
from gateway.client.message import Fields, Framer, MalformedMessageError, Message, Value, pairs_of, parse
from gateway.client.session import Identity, Session, utc_now
from gateway.client.store import MemoryStore

Direction: TypeAlias = Literal["sent", "received"]
Observer: TypeAlias = Callable[[Direction, Message], None]

_RECEIVE_BYTES: Final = 256 * 1024
_SHORTEST_WAIT_S: Final = 0.001
_TEST_REQUEST_AFTER: Final = 1.2
_LOST_AFTER: Final = 2.4
_SHOWN_COUNT_MAX: Final = 8


class FixClientError(Exception):
    """What can go wrong between this client and its exchange."""


class ConnectionClosedError(FixClientError):
    """The connection is gone; the text says what is known about why."""


class LogonRefusedError(FixClientError):
    """The exchange answered the Logon(A) with a Logout(5), which is `message`, or just closed the connection."""

    def __init__(self, text: str, message: Message | None = None) -> None:
        super().__init__(text)
        self.message = message


class NoAnswerError(FixClientError, TimeoutError):
    """What was waited for did not come in time; the text shows what came instead."""


class FixClient:
    """One FIX session as its initiator. Owner: the one thread that calls it.

    Heartbeats are sent, TestRequest(1) and ResendRequest(2) answered and gaps asked for inside the calls that receive:
    a user who waits for something else calls `idle` meanwhile. With `automatic=False` nothing is answered and every
    message is returned, for those who test an exchange.

    Args:
        host: address of the exchange.
        port: its port.
        sender: our CompID; also the Username(553) unless `username` says otherwise.
        target: CompID of the exchange.
        password: Password(554); None sends neither of the two.
        begin_string: FIX.4.2, FIX.4.4 or FIXT.1.1 (which carries FIX.5.0SP2).
        account: Account(1) of orders, where a call names none.
        store: numbers and sent messages; in memory unless a FileStore is given.
        tls: a context from `ssl.create_default_context`, or None for plain TCP.
        tls_host: the name that the certificate has to carry; `host` unless given.
        timeout_s: how long a connect, a send and a wait take at most, where a call says nothing.
        on_message: called with every message of the session layer too, as it is sent or received.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        sender: str,
        target: str = "OUTCRY",
        password: str | None = None,
        username: str | None = None,
        begin_string: str = "FIX.4.4",
        account: str | None = None,
        heartbeat_s: int = 30,
        store: MemoryStore | None = None,
        tls: ssl.SSLContext | None = None,
        tls_host: str | None = None,
        timeout_s: float = 10.0,
        automatic: bool = True,
        on_message: Observer | None = None,
    ) -> None:
        self.inbox: deque[Message] = deque()
        self.store = store if store is not None else MemoryStore()
        self.session = Session(Identity(begin_string, sender, target), self.store)
        self.begin_string = begin_string
        self.sender = sender
        self.account = account
        self.heartbeat_s = heartbeat_s
        self._address = (host, port)
        self._credentials = None if password is None else (username or sender, password)
        self._tls = tls
        self._tls_host = tls_host or host
        self._timeout_s = timeout_s
        self._automatic = automatic
        self._on_message = on_message
        self._socket: socket.socket | None = None
        self._framer = Framer()
        self._close_cause = "not connected"
        self._logged_on = False
        self._logout_sent = False
        self._sent_at = self._received_at = 0.0
        self._test_sent = False
        self._id_prefix = f"{sender}-{secrets.token_hex(4)}-"
        self._id_count = 0

    # --- connection --------------------------------------------------------------------------------------------------

    def connect(self) -> None:
        """Open the connection, with TLS where it is asked for; nothing is sent.

        Raises:
            ConnectionClosedError: nobody listens there, or TLS did not come about.
        """
        self.disconnect()
        try:
            connection = socket.create_connection(self._address, timeout=self._timeout_s)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_hostname=self._tls_host)
        except OSError as error:
            text = f"no connection to {self._address[0]}:{self._address[1]}: {error}"
            raise ConnectionClosedError(text) from error
        self._socket = connection
        self._framer = Framer()
        self._close_cause = ""
        self._sent_at = self._received_at = time.monotonic()
        self._test_sent = False
        self.session.connected()

    def logon(self, *, reset: bool = False, fields: Fields = ()) -> Message:
        """Connect if need be, and log on; returns the Logon(A) that the exchange answered.

        With `reset`, ResetSeqNumFlag(141)=Y: both sides begin at 1. A refused Logon uses no number. When no answer came
        at all the number counts as used, for a number too high can be mended by the exchange, one too low cannot.

        Raises:
            LogonRefusedError: with the text of the Logout(5).
            NoAnswerError: neither came in time.
        """
        if self._socket is None:
            self.connect()
        self._transmit(self.session.logon(self._logon_fields(reset, fields), reset=reset))
        try:
            answer = self.wait_for(lambda message: message.msg_type in ("A", "5"))
        except ConnectionClosedError as error:
            raise LogonRefusedError(f"the exchange closed the connection without an answer: {error}") from error
        if answer.msg_type == "5":
            self.session.logon_refused()
            self.disconnect()
            raise LogonRefusedError(answer.get(58) or "Logout(5) without a text", answer)
        self._logged_on = True
        self._logout_sent = False
        return answer

    def logout(self, text: str = "") -> Message | None:
        """Log out in order, wait for the answer and close; returns the Logout(5), None when the exchange just closed.

        Messages that arrive before it stay in `inbox`.
        """
        self._logout_sent = True
        self.send("5", [(58, text)] if text else [])
        try:
            answer = self.wait_for(lambda message: message.msg_type == "5")
        except ConnectionClosedError:
            answer = None
        self.disconnect()
        return answer

    def disconnect(self) -> None:
        """Close the connection at once, without a Logout(5). Numbers and inbox stay."""
        if self._socket is not None:
            self._socket.close()
            self._closed("closed by this client")

    def close(self) -> None:
        """Log out if logged on, and let go of everything."""
        if self._logged_on:
            try:
                self.logout()
            except FixClientError:
                self.disconnect()
        self.disconnect()
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_connected(self) -> bool:
        """Whether the connection stood when it was last used."""
        return self._socket is not None

    # --- messages ----------------------------------------------------------------------------------------------------

    def send(self, msg_type: str, fields: Fields = (), *, header: Mapping[int, Value | None] | None = None) -> Message:
        """Number and send a message; returns it as sent.

        `header` adds or replaces header fields, as {97: "Y"} for PossResend; see `Session.write`.
        """
        raw = self.session.write(msg_type, pairs_of(fields), header=header or {})
        return self._transmit(raw)

    def send_raw(self, data: bytes) -> None:
        """Send these very bytes. The session layer knows nothing of them."""
        connection = self._open_socket()
        try:
            connection.settimeout(self._timeout_s)
            connection.sendall(data)
        except OSError as error:
            self._closed(f"sending failed: {error}")
            raise ConnectionClosedError(self._close_cause) from error
        self._sent_at = time.monotonic()

    def receive(self, timeout_s: float | None = None) -> Message | None:
        """The next message that the session layer does not answer itself, in sequence; None when none came in time.

        Raises:
            ConnectionClosedError: the connection is gone and everything received has been returned.
        """
        deadline = time.monotonic() + (self._timeout_s if timeout_s is None else timeout_s)
        while not self.inbox:
            if not self._pump(deadline):
                return None
        return self.inbox.popleft()

    def wait_for(self, wanted: Callable[[Message], bool], timeout_s: float | None = None) -> Message:
        """The first message that `wanted` accepts; those before it stay in `inbox`, in order.

        Raises:
            NoAnswerError: it did not come in time.
            ConnectionClosedError: the connection went away before.
        """
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        deadline = time.monotonic() + limit_s
        seen = 0
        while True:
            while seen < len(self.inbox):
                message = self.inbox[seen]
                if wanted(message):
                    del self.inbox[seen]
                    return message
                seen += 1
            if not self._pump(deadline):
                shown = "; ".join(str(message) for message in list(self.inbox)[-_SHOWN_COUNT_MAX:])
                raise NoAnswerError(
                    f"nothing that was waited for came within {limit_s} s; unread: {shown or 'nothing'}"
                )

    def wait_for_report(self, cl_ord_id: str, exec_type: str | None = None, timeout_s: float | None = None) -> Message:
        """The next ExecutionReport(8) of this ClOrdID(11), with this ExecType(150) if one is given."""

        def wanted(message: Message) -> bool:
            return (
                message.msg_type == "8"
                and message.get(11) == cl_ord_id
                and (exec_type is None or message.get(150) == exec_type)
            )

        return self.wait_for(wanted, timeout_s)

    def idle(self, duration_s: float) -> None:
        """Keep the session alive for a while; what arrives stays in `inbox`."""
        deadline = time.monotonic() + duration_s
        while self._pump(deadline):
            pass

    # --- orders and market data --------------------------------------------------------------------------------------

    def next_id(self) -> str:
        """An identifier that no earlier run of this client has used."""
        self._id_count += 1
        return f"{self._id_prefix}{self._id_count}"

    def new_order(
        self,
        symbol: str,
        side: requests.SideName,
        qty: requests.Number,
        price: requests.Number | None = None,
        *,
        cl_ord_id: str | None = None,
        account: str | None = None,
        time_in_force: str = "0",
        post_only: bool = False,
        fields: Fields = (),
        header: Mapping[int, Value | None] | None = None,
    ) -> str:
        """Send a NewOrderSingle(D), a market order without `price`; returns its ClOrdID(11)."""
        cl_ord_id = cl_ord_id or self.next_id()
        body = requests.new_order(
            begin_string=self.begin_string,
            cl_ord_id=cl_ord_id,
            account=account or self.account,
            symbol=symbol,
            side=side,
            qty=qty,
            price=price,
            time_in_force=time_in_force,
            post_only=post_only,
            now=utc_now(),
        )
        self.send("D", [*body, *pairs_of(fields)], header=header)
        return cl_ord_id

    def cancel(
        self,
        orig_cl_ord_id: str,
        symbol: str,
        side: requests.SideName,
        qty: requests.Number,
        *,
        cl_ord_id: str | None = None,
        fields: Fields = (),
    ) -> str:
        """Send an OrderCancelRequest(F); returns its own ClOrdID(11)."""
        cl_ord_id = cl_ord_id or self.next_id()
        body = requests.cancel(
            cl_ord_id=cl_ord_id, orig_cl_ord_id=orig_cl_ord_id, symbol=symbol, side=side, qty=qty, now=utc_now()
        )
        self.send("F", [*body, *pairs_of(fields)])
        return cl_ord_id

    def replace(
        self,
        orig_cl_ord_id: str,
        symbol: str,
        side: requests.SideName,
        qty: requests.Number,
        price: requests.Number | None = None,
        *,
        cl_ord_id: str | None = None,
        time_in_force: str = "0",
        fields: Fields = (),
    ) -> str:
        """Send an OrderCancelReplaceRequest(G); returns its own ClOrdID(11)."""
        cl_ord_id = cl_ord_id or self.next_id()
        body = requests.replace(
            begin_string=self.begin_string,
            cl_ord_id=cl_ord_id,
            orig_cl_ord_id=orig_cl_ord_id,
            symbol=symbol,
            side=side,
            qty=qty,
            price=price,
            time_in_force=time_in_force,
            now=utc_now(),
        )
        self.send("G", [*body, *pairs_of(fields)])
        return cl_ord_id

    def order_status(self, cl_ord_id: str, symbol: str, side: requests.SideName) -> None:
        """Send an OrderStatusRequest(H); the answer is an ExecutionReport(8) with ExecType(150)=I."""
        self.send("H", requests.order_status(cl_ord_id=cl_ord_id, symbol=symbol, side=side))

    def market_data_request(
        self,
        *symbols: str,
        depth: int = 0,
        action: str = requests.MARKET_DATA_SUBSCRIBE,
        request_id: str | None = None,
    ) -> str:
        """Send a MarketDataRequest(V); returns its MDReqID(262)."""
        request_id = request_id or self.next_id()
        body = requests.market_data(request_id=request_id, symbols=list(symbols), action=action, depth=depth)
        self.send("V", body)
        return request_id

    # --- private -----------------------------------------------------------------------------------------------------

    def _logon_fields(self, reset: bool, fields: Fields) -> list[tuple[int, Value]]:
        body: list[tuple[int, Value]] = [(98, 0), (108, self.heartbeat_s)]
        if reset:
            body.append((141, "Y"))
        if self._credentials is not None:
            body += [(553, self._credentials[0]), (554, self._credentials[1])]
        if self.begin_string == "FIXT.1.1":
            body.append((1137, "9"))
        given = pairs_of(fields)
        replaced = {tag for tag, _ in given}
        return [pair for pair in body if pair[0] not in replaced] + given

    def _open_socket(self) -> socket.socket:
        if self._socket is None:
            raise ConnectionClosedError(self._close_cause)
        return self._socket

    def _transmit(self, raw: bytes) -> Message:
        message = parse(raw)
        self.send_raw(raw)
        if self._on_message is not None:
            self._on_message("sent", message)
        return message

    def _closed(self, cause: str) -> None:
        self._socket = None
        self._logged_on = False
        self._close_cause = cause

    def _pump(self, deadline: float) -> bool:
        """Read once, wait until `deadline` at most, do what time asks for; False when the deadline has passed.

        Raises:
            ConnectionClosedError: the connection is gone.
        """
        connection = self._open_socket()
        now = time.monotonic()
        if now >= deadline:
            return False
        wake_at = min(deadline, self._next_timer()) if self._has_timers else deadline
        connection.settimeout(max(wake_at - now, _SHORTEST_WAIT_S))
        try:
            data = connection.recv(_RECEIVE_BYTES)
        except (TimeoutError, ssl.SSLWantReadError):
            self._keep_alive()
            return True
        except OSError as error:
            self._closed(f"receiving failed: {error}")
            raise ConnectionClosedError(self._close_cause) from error
        if not data:
            connection.close()
            self._closed("closed by the exchange")
            raise ConnectionClosedError(self._close_cause)
        self._received_at = time.monotonic()
        self._test_sent = False
        self._framer.feed(data)
        self._take_in()
        self._keep_alive()
        return True

    def _take_in(self) -> None:
        """Run every whole message that has arrived through the session."""
        try:
            while (raw := self._framer.next()) is not None:
                message = parse(raw)
                if self._on_message is not None:
                    self._on_message("received", message)
                if not self._automatic:
                    self.store.received(message.msg_seq_num + 1)
                    self.inbox.append(message)
                    continue
                reaction = self.session.read(message)
                for answer in reaction.answers:
                    self._transmit(answer)
                if reaction.deliver:
                    self.inbox.append(message)
                if message.msg_type == "5" and self._logged_on and not self._logout_sent:
                    self._logout_sent = True
                    self.send("5")
                if reaction.close_cause:
                    self._cut(reaction.close_cause)
        except MalformedMessageError as error:
            self._cut(str(error))

    def _cut(self, cause: str) -> NoReturn:
        """End a connection that cannot go on, and say why to both sides."""
        if self._logged_on:
            self.send("5", [(58, cause)])
        if self._socket is not None:
            self._socket.close()
        self._closed(cause)
        raise ConnectionClosedError(cause)

    @property
    def _has_timers(self) -> bool:
        """HeartBtInt(108) of 0 means that neither side sends heartbeats."""
        return self._automatic and self._logged_on and self.heartbeat_s > 0

    def _next_timer(self) -> float:
        silence = _LOST_AFTER if self._test_sent else _TEST_REQUEST_AFTER
        return min(self._sent_at + self.heartbeat_s, self._received_at + silence * self.heartbeat_s)

    def _keep_alive(self) -> None:
        """Send the Heartbeat(0) or TestRequest(1) that is due; notice a lost peer at 2.4 times HeartBtInt(108)."""
        if not self._has_timers:
            return
        now = time.monotonic()
        if now - self._received_at >= _LOST_AFTER * self.heartbeat_s:
            self._cut(f"nothing was received for {now - self._received_at:.1f} s")
        if now - self._received_at >= _TEST_REQUEST_AFTER * self.heartbeat_s and not self._test_sent:
            self.send("1", [(112, self.next_id())])
            self._test_sent = True
        if now - self._sent_at >= self.heartbeat_s:
            self.send("0")
