"""The wire: FIX sessions, sockets and TLS. It knows FIX and nothing of trading; README.md explains its theory."""

from typing import TYPE_CHECKING

from gateway.wire._wire import APP as APP
from gateway.wire._wire import BYTES as BYTES
from gateway.wire._wire import EPOCH as EPOCH
from gateway.wire._wire import LOGON as LOGON
from gateway.wire._wire import LOGOUT as LOGOUT
from gateway.wire._wire import NUMBERS as NUMBERS
from gateway.wire._wire import RESEND as RESEND
from gateway.wire._wire import RESERVE as RESERVE
from gateway.wire._wire import RESET as RESET
from gateway.wire._wire import SLOW as SLOW
from gateway.wire._wire import Wire as Wire

if TYPE_CHECKING:
    from gateway.wire._wire import FieldSpec as FieldSpec
    from gateway.wire._wire import Inbound as Inbound
    from gateway.wire._wire import Outbound as Outbound
else:
    # The native module has no type aliases; annotations that are evaluated need a name all the same.
    FieldSpec = Inbound = Outbound = tuple
