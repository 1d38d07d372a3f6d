"""The only place that starts matching threads and pins them to cores. A core that cannot be had is refused."""

import os
import threading
from collections.abc import Callable
from typing import Final, TypeAlias

OnFailure: TypeAlias = Callable[[BaseException], None]


class ShardPinError(Exception):
    """A thread cannot be pinned to the core asked for: names the core and those that this process may use."""


class ShardThread:
    """A matching thread that has been started. Owner: the thread that started it."""

    def __init__(self, name: str, core: int | None, target: Callable[[], None], on_failure: OnFailure) -> None:
        self.name: Final = name
        self.core: Final = core
        self.failure: BaseException | None = None
        self._target = target
        self._on_failure = on_failure
        self._ready = threading.Event()
        self._pin_error: OSError | None = None
        self._affinity: frozenset[int] = frozenset()
        self._thread = threading.Thread(target=self._run, name=f"shard-{name}")

    def start(self) -> None:
        """Return when the thread is pinned and about to run its target. Raises ShardPinError: it was not run."""
        self._thread.start()
        self._ready.wait()
        if self._pin_error is not None:
            self._thread.join()
            raise ShardPinError(f"shard {self.name} cannot be pinned to core {self.core}: {self._pin_error}")

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the thread's end; return whether it has ended."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def affinity(self) -> frozenset[int]:
        """Cores that the thread may run on, asked of the kernel; what it had at its start once it has ended."""
        native_id = self._thread.native_id
        if native_id is not None and self._thread.is_alive():
            try:
                return frozenset(os.sched_getaffinity(native_id))
            except ProcessLookupError:
                # It has ended between the two lines.
                return self._affinity
        return self._affinity

    def _run(self) -> None:
        try:
            if self.core is not None:
                os.sched_setaffinity(threading.get_native_id(), {self.core})
            self._affinity = frozenset(os.sched_getaffinity(threading.get_native_id()))
        except OSError as error:
            self._pin_error = error
            return
        finally:
            self._ready.set()
        try:
            self._target()
        except BaseException as error:
            # Nothing may end a matching thread unseen: whoever started it stops the exchange in order.
            self.failure = error
            self._on_failure(error)


def start_shard(name: str, core: int | None, target: Callable[[], None], on_failure: OnFailure) -> ShardThread:
    """Start a matching thread, pinned to `core` (None: where the kernel likes).

    `on_failure` is called in the matching thread with whatever ends `target`; a return of `target` is no failure.

    Raises:
        ShardPinError: this process may not use that core, or there is none of that number.
    """
    usable = os.sched_getaffinity(0)
    if core is not None and core not in usable:
        cores = ", ".join(map(str, sorted(usable)))
        raise ShardPinError(f"shard {name}: expected one of the cores {cores} that this process may use, found {core}")
    shard = ShardThread(name, core, target, on_failure)
    shard.start()
    return shard
