"""Hostile input at random, from a seed: every connection ends or goes on by rule, and its neighbour never notices."""

import os
import random

import pytest

from tests.wire.peer import LOGON, Exchange, Peer, frame, now

ROUNDS = int(os.environ.get("OUTCRY_FUZZ_ROUNDS", "40"))
BODIES = [
    "35=D|11=a|55=AAPL|54=1|38=10|40=2|44=1.5|60=20240229-12:00:00|354=5|355=a=b=c|58=text|",
    "35=V|262=r|263=1|264=0|267=2|269=0|269=1|146=2|55=AAPL|55=MSFT|",
    "35=0|112=x|",
    "35=1|112=x|",
    "35=2|7=1|16=0|",
    "35=3|45=1|58=x|",
    "35=4|123=Y|36=9|",
    "35=5|58=bye|",
    "35=A|98=0|108=30|95=3|96=abc|789=1|141=Y|",
    "35=E|66=l|394=1|68=1|73=2|11=a|67=1|55=A|54=1|38=1|40=1|11=b|67=2|55=A|54=1|354=3|355=a=b|",
    "35=j|45=1|372=D|380=3|",
    "35=AE|571=t|570=N|32=1|31=1|75=20240229|60=20240229-12:00:00|552=1|54=1|37=o|453=1|448=p|447=D|452=1|802=1|523=s|803=1|",
]  # fmt: skip
VALUES = ["", "-1", "0", "99999999999999999999", "1e9", "NaN", "\xff", "\x00", "Y", "x" * 300, "2147483648", "=", " "]
TAGS = [
    "8",
    "9",
    "10",
    "34",
    "43",
    "49",
    "52",
    "56",
    "89",
    "93",
    "95",
    "96",
    "97",
    "122",
    "354",
    "355",
    "1128",
    "x",
    "",
]


def mutate(chance: random.Random, fields: list[str]) -> list[str]:
    """One or a few small wrongs in the fields of a message."""
    fields = list(fields)
    for _ in range(chance.randint(0, 3)):
        at = chance.randrange(len(fields))
        tag, _, value = fields[at].partition("=")
        kind = chance.randrange(7)
        if kind == 0:
            fields[at] = f"{tag}={chance.choice(VALUES)}"
        elif kind == 1:
            fields[at] = f"{chance.choice(TAGS)}={value}"
        elif kind == 2:
            del fields[at]
        elif kind == 3:
            fields.insert(at, fields[at])
        elif kind == 4:
            fields.insert(at, f"{chance.choice(TAGS)}={chance.choice(VALUES)}")
        elif kind == 5:
            fields[at] = tag
        else:
            chance.shuffle(fields)
        if not fields:
            return ["35=0"]
    return fields


def hostile(chance: random.Random, peer: Peer) -> bytes:
    """A message that is right, slightly wrong or noise."""
    body = chance.choice(BODIES).split("|")[:-1]
    num = peer.next_num if chance.random() < 0.8 else chance.choice([0, 1, peer.next_num + 3, 10**9, -5])
    peer.next_num += 1
    head = [f"34={num}", f"49={peer.comp_id}", f"52={now()}", "56=OUTCRY"]
    if chance.random() < 0.2:
        head += ["43=Y", f"122={now()}"]
    fields = [body[0], *mutate(chance, head + body[1:])]
    data = bytearray(frame("FIX.4.4", "".join(field + "\x01" for field in fields).encode("latin-1")))
    if chance.random() < 0.1:
        data[chance.randrange(len(data))] = chance.randrange(256)
    if chance.random() < 0.1:
        del data[chance.randrange(len(data)) :]
    return bytes(data)


@pytest.mark.slow
def test_hostile_messages_end_at_most_their_own_connection() -> None:
    seed = int(os.environ.get("OUTCRY_FUZZ_SEED", "7"))
    chance = random.Random(seed)
    exchange = Exchange(options={"io_threads": 1, "logon_timeout_ms": 2000})
    exchange.add(1)
    exchange.add(2, "TRADER2")
    with exchange:
        neighbour = exchange.logged_on("TRADER2")
        for round_ in range(ROUNDS):
            exchange.wire.reset(1)
            peer = exchange.peer()
            peer.logon("141=Y|")
            try:
                for _ in range(30):
                    peer.raw(hostile(chance, peer))
            except (BrokenPipeError, ConnectionResetError):
                pass
            peer.close()
            neighbour.send("1", f"112={round_}|")
            while neighbour.expect("0").get(112) != str(round_):
                pass  # heartbeats of a long run
            while exchange.statistics()["connected"]:
                pass
        assert len(exchange.wait_for(LOGON)) > ROUNDS // 2
        causes = [cause for cause in exchange.wire.statistics()["cuts"] if "internal error" in cause]
        assert causes == [], f"seed {seed}"
