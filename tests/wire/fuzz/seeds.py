"""What the fuzzers begin with: valid messages, those of the conversations, a few streams, sessions as scripts."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.wire.peer import frame
from tests.wire.test_wire_fuzz import BODIES

CONVERSATIONS = Path(__file__).parents[2] / "conversations"
TIME = "20240229-12:00:00"
BEGIN_STRINGS = ("FIX.4.2", "FIX.4.4", "FIXT.1.1")
ORDER = f"11=a|21=1|55=AAPL|54=1|38=10|40=2|44=1.5|60={TIME}|"
LOGONS = ("98=0|108=30|", "98=0|108=30|141=Y|553=TRADER1|554=x|", "98=0|108=30|141=Y|553=TRADER1|554=x|1137=9|")
SCRIPTS = (
    f"=D|{ORDER}\n+D|{ORDER}\n=D|{ORDER}\n-D|{ORDER}\n=0|\n=1|112=x|",
    "s37=a|17=b|\ns37=a|17=c|\nr\nd\n=2|7=1|16=0|\ng\nu\nu\nu\nr\nd",
    "s37=a|\np268=1|269=0|\np268=1|269=0|\ns37=b|\nr\nd\n=2|7=1|16=0|\n=1|112=y|\ng\nu\nu\ng\nu\nu",
    f"=4|123=Y|36=9|\n=D|{ORDER}\nn9\n=4|36=12|\nn12\n=0|\n=5|58=bye|",
    "=0|\nol\ns37=a|\nr\nn2\nlLOGON789=1|\ng\nu\nu\nd\n=0|",
    "t031\nt031\nt031\nt031\nor\nn1\nlLOGON\nou\noo\n=5|\nr\nd",
    "=D|11=\\xff|\n=B|148=a|\n=A|98=0|108=30|\nm35=0|34=2|49=TRADER1|56=OUTCRY|\nbgarbage|8=FIX|9=abc|\n=0|",
)


def conversation_bodies() -> Iterator[tuple[str, str]]:
    """Type and body of what peers send in the conversations, with names for what is made up there."""
    for path in sorted(CONVERSATIONS.glob("*.fix")):
        for line in path.read_text("utf-8").splitlines():
            words = line.split()
            if len(words) < 3 or words[1] != ">" or "{" in line or '"' in line:
                continue
            fields = [word for word in words[3:] if re.fullmatch(r"\d+=\S+", word)]
            yield words[2], "".join(f"{field.replace('$', '')}|" for field in fields)


def messages() -> list[tuple[str, str]]:
    """Type and body of application and session messages, the fields that every order needs included."""
    found = [(body.split("|", 1)[0][3:], body.split("|", 1)[1]) for body in BODIES]
    for msg_type, body in conversation_bodies():
        needed = f"60={TIME}|" if msg_type in "DFG" else ""
        found.append((msg_type, body + needed))
    return list(dict.fromkeys(found))


def framer_seeds() -> Iterator[bytes]:
    """Streams: one message, several, with garbage and halves between them."""
    framed = [frame("FIX.4.4", f"35={msg_type}|34=2|49=A|52={TIME}|56=B|{body}") for msg_type, body in messages()]
    for at, message in enumerate(framed):
        yield b"J" + message
        other = framed[at - 1]
        yield b"N" + other + b"garbage8=FI" + message[:-9] + other + message[at % len(message) :] + other
        yield b"Z" + message.replace(b"\x0110=", b"\x0110=9") + other + other[: at % len(other)]


def decode_seeds() -> Iterator[bytes]:
    """Application messages in each version, by the rules and relaxed."""
    for msg_type, body in messages():
        if msg_type in ("D", "F", "G", "H", "V", "E", "B", "AE"):
            for settings in "012BA@":
                hand = "21=1|" if settings in "0B" and msg_type in "DG" else ""
                yield f"{settings}{msg_type}|{hand}{body}".replace("|", "\x01").encode("latin-1")


def logon_seeds() -> Iterator[bytes]:
    """Logons: the body, the whole and the stream."""
    for version, body in enumerate(LOGONS):
        whole = f"35=A|34=1|49=TRADER1|52={TIME}|56=OUTCRY|{body}"
        yield bytes([45 + version]) + body.replace("|", "\x01").encode()
        yield bytes([48 + version]) + whole.replace("|", "\x01").encode()
        yield bytes([51 + version]) + frame(BEGIN_STRINGS[version], whole)


def session_seeds() -> Iterator[bytes]:
    """Sessions that log on, then each script, in each version and with each rule for resets."""
    for version, logon in enumerate(LOGONS):
        for script in SCRIPTS:
            text = f"l{logon}\n" + script.replace("LOGON", logon.replace("141=Y|", ""))
            for settings in (version, version + 12, version + 60):
                yield bytes([settings]) + text.encode("latin-1")
    for msg_type, body in messages():
        yield b"\x01" + f"l{LOGONS[1]}\n={msg_type}|{body}\n={msg_type}|{body}".encode("latin-1")


SEEDS = {"framer": framer_seeds, "decode": decode_seeds, "logon": logon_seeds, "session": session_seeds}


def write_seeds(target: str, folder: Path) -> None:
    """Writes the seeds of a target into an empty or older folder of seeds."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS[target]()):
        (folder / f"{number:03d}").write_bytes(seed)
