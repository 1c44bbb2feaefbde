"""What a meeting has under way, and what it has decided so far about the present input."""

from __future__ import annotations

from collections import deque
from typing import Any

from msgspec import Struct

from tertulia.room.effects import CancelTimer, Effect, Log, Refuse, Reject, Reply, Resolve, Run, SetTimer
from tertulia.room.inputs import Ticket
from tertulia.room.pending import Caller, OnCall, Pending, Resumable
from tertulia.room.steps import Step
from tertulia.room.timers import Timer


class Resumed(Struct, frozen=True):
    """Work that goes on within the present input; ``error``: what it waited for has failed."""

    work: Resumable
    error: Exception | None


class Agenda:
    """The sink that all parts of a meeting write to. ``now`` is the moment of the present input."""

    __slots__ = ("_last", "effects", "now", "pending", "resumed", "timers")

    def __init__(self) -> None:
        self.now = 0.0
        self.effects: list[Effect] = []
        self.pending: dict[Ticket, Pending] = {}
        self.timers: set[Timer] = set()
        """Those that are set."""
        self.resumed: deque[Resumed] = deque()
        self._last = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing is under way and no timer is set."""
        return not (self.pending or self.timers or self.resumed)

    def run(self, step: Step, pending: Pending) -> None:
        """Begin a step; its answer finds ``pending``."""
        self._last += 1
        self.pending[self._last] = pending
        self.effects.append(Run(self._last, step))

    def resume(self, work: Resumable, error: Exception | None = None) -> None:
        """``work`` goes on before the next input."""
        self.resumed.append(Resumed(work, error))

    def is_pending(self, kind: type[Pending]) -> bool:
        """Whether work of this kind waits for an answer."""
        return any(type(work) is kind for work in self.pending.values())

    def set_timer(self, timer: Timer, at: float) -> None:
        """See ``SetTimer``."""
        self.timers.add(timer)
        self.effects.append(SetTimer(timer, at))

    def cancel_timer(self, timer: Timer) -> None:
        """See ``CancelTimer``; nothing is said of one that is not set."""
        if timer in self.timers:
            self.timers.discard(timer)
            self.effects.append(CancelTimer(timer))

    def answer(self, caller: Caller, result: bool = True) -> None:
        """Tell the caller that it is done: a connection ``{}``, the control plane the ``result``."""
        if isinstance(caller, OnCall):
            self.effects.append(Reply(caller.connection))
        elif caller is not None:
            self.effects.append(Resolve(caller.request, result))

    def refuse(self, caller: Caller, error: Exception) -> None:
        """Tell the caller why not."""
        if isinstance(caller, OnCall):
            self.effects.append(Refuse(caller.connection, error))
        elif caller is not None:
            self.effects.append(Reject(caller.request, error))

    def log(self, text: str, **fields: Any) -> None:
        """Say something to the operator that is as it should be."""
        self.effects.append(Log(text, fields, is_warning=False))

    def warn(self, text: str, **fields: Any) -> None:
        """Say something to the operator that should not be."""
        self.effects.append(Log(text, fields))
