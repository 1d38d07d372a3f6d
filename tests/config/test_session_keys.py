"""The table of keys: every key of QuickFIX C++ 1.16 is in it, and the table keeps its own rules."""

import re
from typing import Final

import pytest

from config.quickfix_settings import LINE_CHARACTERS_MAX
from config.session_keys import HONOURED, TABLE, default_of, find, nearest

# Every constant of C++/SessionSettings.h of the release 1.16.0, in its order.
QUICKFIX_KEYS: Final = """
BeginString SenderCompID TargetCompID SessionQualifier DefaultApplVerID ConnectionType UseDataDictionary
SendResetSeqNumFlag SendRedundantResendRequests SendNextExpectedMsgSeqNum DataDictionary TransportDataDictionary
AppDataDictionary UseLocalTime StartTime EndTime StartDay EndDay NonStopSession LogonTime LogoutTime LogonDay LogoutDay
CheckCompID CheckLatency MaxLatency HeartBtInt SocketAcceptPort SocketReuseAddress SocketConnectHost SocketConnectPort
SocketConnectSourceHost SocketConnectSourcePort SocketNodelay SocketSendBufferSize SocketReceiveBufferSize
HostSelectionPolicy HostSelectionPolicyPriorityStartOverInterval ReconnectInterval ValidateLengthAndChecksum
ValidateFieldsOutOfOrder ValidateFieldsHaveValues ValidateUserDefinedFields AllowUnknownMsgFields
PreserveMessageFieldsOrder LogonTimeout LogoutTimeout FileStorePath MySQLStoreUseConnectionPool MySQLStoreDatabase
MySQLStoreUser MySQLStorePassword MySQLStoreHost MySQLStorePort PostgreSQLStoreUseConnectionPool
PostgreSQLStoreDatabase PostgreSQLStoreUser PostgreSQLStorePassword PostgreSQLStoreHost PostgreSQLStorePort
OdbcStoreUser OdbcStorePassword OdbcStoreConnectionString FileLogPath FileLogBackupPath ScreenLogShowIncoming
ScreenLogShowOutgoing ScreenLogShowEvents MySQLLogUseConnectionPool MySQLLogDatabase MySQLLogUser MySQLLogPassword
MySQLLogHost MySQLLogPort MySQLLogIncomingTable MySQLLogOutgoingTable MySQLLogEventTable
PostgreSQLLogUseConnectionPool PostgreSQLLogDatabase PostgreSQLLogUser PostgreSQLLogPassword PostgreSQLLogHost
PostgreSQLLogPort PostgreSQLLogIncomingTable PostgreSQLLogOutgoingTable PostgreSQLLogEventTable OdbcLogUser
OdbcLogPassword OdbcLogConnectionString OdbcLogIncomingTable OdbcLogOutgoingTable OdbcLogEventTable ResetOnLogon
ResetOnLogout ResetOnDisconnect RefreshOnLogon MillisecondsInTimeStamp TimestampPrecision HttpAcceptPort
PersistMessages ServerCertificateFile ServerCertificateKeyFile ClientCertificateFile ClientCertificateKeyFile
CertificationAuthoritiesFile CertificationAuthoritiesDirectory CertificateRevocationListFile
CertificateRevocationListDirectory CertificateVerifyLevel AllowedRemoteAddresses SSLProtocol SSLCipherSuite
TLSCipherSuites
""".split()


def test_every_key_of_quickfix_is_known_under_its_own_name() -> None:
    assert len(QUICKFIX_KEYS) == 113
    assert [key for key in QUICKFIX_KEYS if (known := find(key)) is None or known.name != key] == []


@pytest.mark.parametrize(
    "key", ["begiNsTring", "SOCKETCONNECTHOST7", "AppDataDictionary.FIX.4.4", "appdatadictionary.9"]
)
def test_a_key_is_found_as_quickfix_finds_it(key: str) -> None:
    assert find(key) is not None


@pytest.mark.parametrize("key", ["", "AppDataDictionaryX", "StartTime1", "Begin String", "SocketConnectHostX1"])
def test_a_key_that_nobody_knows_is_not_found(key: str) -> None:
    assert find(key) is None


def test_the_nearest_key_is_suggested_only_where_it_is_near() -> None:
    assert [nearest(key) for key in ("heartbtintmn", "SocketAceptPort", "qqqq", "")] == [
        "HeartBtIntMin",
        "SocketAcceptPort",
        "",
        "",
    ]


def test_every_default_is_allowed_by_its_own_key() -> None:
    honoured = [key for key in TABLE if key.effect == HONOURED]
    assert [key.name for key in honoured if key.default and default_of(key.name) is None] == []


def test_every_key_says_what_it_does_in_its_group() -> None:
    assert [key.name for key in TABLE if not key.text or not key.group or not re.fullmatch(r"\w+", key.name)] == []


def test_the_longest_line_is_what_quickfix_can_read() -> None:
    assert 1024 - len("\n\0") == LINE_CHARACTERS_MAX
