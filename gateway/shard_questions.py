"""What shards are asked of their state for operators: overridden limits, frozen quotes. Owner: the matching thread."""

from collections.abc import Mapping
from typing import Any, Final

from gateway.shard_link import ShardLink

LIMITS: Final = "limits"
FROZEN_QUOTES: Final = "frozen quotes"


class Questions:
    """Questions have numbers, so that no answer is taken for that to another one."""

    def __init__(self, links: Mapping[str, ShardLink]) -> None:
        self._links = links
        self._last = 0

    def ask(self, what: str) -> int:
        """Ask every shard that is up; return the number of the question."""
        self._last += 1
        for link in self._links.values():
            if link.is_up:
                link.ask(what, self._last)
        return self._last

    def answers(self, what: str, number: int) -> tuple[dict[str, list[Any]], list[str]]:
        """Return what shards have answered to a question, by shard, and the shards that have not answered."""
        found = {name: link.answers[what] for name, link in self._links.items() if what in link.answers}
        told = {name: rows for name, (asked, rows) in found.items() if asked >= number}
        return told, [name for name in self._links if name not in told]
