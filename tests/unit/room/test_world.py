"""The seeded world itself: it is the same in every run, it finds faults, and it tells them briefly.

Its many seeds are a step of their own: ``python -m tests.world``.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from tertulia.room import commands, effects, inputs, messages, steps, timers
from tertulia.room.effects import Effect
from tertulia.room.inputs import Input
from tertulia.room.meeting import Meeting
from tests.world import hub
from tests.world.run import Failure, run, run_seed, shortest
from tests.world.story import tell

SEEDS = range(1000)
"""Within which each fault of the core has to be found."""

Hears = Callable[[Input], bool]
Does = Callable[[list[Effect]], list[Effect]]


def everything(given: Input) -> bool:
    """Hears all."""
    return True


def as_told(told: list[Effect]) -> list[Effect]:
    """Does all."""
    return told


def deaf_to(*kinds: type) -> Hears:
    """Ignores inputs of these kinds."""
    return lambda given: not isinstance(given, kinds)


def deaf_to_messages(*kinds: type) -> Hears:
    """Ignores what the channel says of these kinds."""
    return lambda given: not (isinstance(given, inputs.Message) and isinstance(given.message, kinds))


def deaf_to_timer(kind: type) -> Hears:
    """Ignores a timer."""
    return lambda given: not (isinstance(given, inputs.TimerDue) and isinstance(given.timer, kind))


def without(which: Callable[[Effect], bool]) -> Does:
    """Leaves some effects out."""
    return lambda told: [effect for effect in told if not which(effect)]


def never_replaced(effect: Effect) -> bool:
    return isinstance(effect, effects.LetGo) and effect.event.name == "Replaced"


def is_event(name: str) -> Callable[[Effect], bool]:
    return lambda effect: isinstance(effect, effects.Deliver) and effect.event.name == name


def is_command(kind: type) -> Callable[[Effect], bool]:
    return lambda effect: isinstance(effect, effects.Tell) and isinstance(effect.command, kind)


def lets_out(effect: Effect) -> bool:
    command = effect.command if isinstance(effect, effects.Tell) else None
    return isinstance(command, commands.Record) and command.recording is None


def nodes_first(told: list[Effect]) -> list[Effect]:
    """Tells the nodes who is recorded before the members."""
    return sorted(told, key=lambda effect: not is_command(commands.Record)(effect))


def twice(name: str) -> Does:
    """Tells an event twice."""
    return lambda told: [one for effect in told for one in ([effect] * 2 if is_event(name)(effect) else [effect])]


def hands_over_nothing(told: list[Effect]) -> list[Effect]:
    """Says that nothing was missed."""
    return [
        replace(effect, message=replace(effect.message, frames=[], first=0, lost_at=0, in_doubt=False, unsaid=[]))
        if isinstance(effect, effects.Publish) and isinstance(effect.message, messages.HandoverMessage)
        else effect
        for effect in told
    ]


def with_new_tokens(told: list[Effect]) -> list[Effect]:
    """Says that every token was issued just now."""
    return [
        replace(effect, step=replace(effect.step, admitted_at_ms=1 << 60))
        if isinstance(effect, effects.Run) and isinstance(effect.step, steps.Join)
        else effect
        for effect in told
    ]


def to_the_first(told: list[Effect]) -> list[Effect]:
    """Delivers to one connection only."""
    return [replace(effect, to=effect.to[:1]) if isinstance(effect, effects.Deliver) else effect for effect in told]


FAULTS: dict[str, tuple[Hears, Does]] = {
    "a gap is ignored": (deaf_to(inputs.Gap), as_told),
    "the replaced are not told": (everything, without(never_replaced)),
    "a leave elsewhere is not heard": (deaf_to_messages(messages.LeftMessage), as_told),
    "a join elsewhere is not heard": (deaf_to_messages(messages.JoinedMessage), as_told),
    "a state elsewhere is not heard": (deaf_to_messages(messages.StateMessage), as_told),
    "an end elsewhere is not heard": (deaf_to_messages(messages.EndedMessage), as_told),
    "what others say is not relayed": (deaf_to_messages(messages.EventMessage), as_told),
    "dead nodes are not noticed": (deaf_to(inputs.NodesSeen), as_told),
    "nobody sweeps": (deaf_to(inputs.Sweep), as_told),
    "nobody reaps": (deaf_to(inputs.Reap), as_told),
    "a lost connection is not noticed": (deaf_to(inputs.ConnectionLost), as_told),
    "a closed connection is not noticed": (deaf_to(inputs.ConnectionClosed), as_told),
    "a failed step is never answered": (deaf_to(inputs.Failed), as_told),
    "a handover is waited for without end": (deaf_to_timer(timers.Handover), as_told),
    "what was missed is lost on the way": (everything, hands_over_nothing),
    "an arrival is told twice": (everything, twice("ParticipantJoined")),
    "a chat message is told twice": (everything, twice("ChatMessage")),
    "a departure is not told": (everything, without(is_event("ParticipantLeft"))),
    "the endpoint is not told": (everything, without(is_event("SfuEndpoint"))),
    "only one is told": (everything, to_the_first),
    "removals do not void tokens": (everything, with_new_tokens),
    "an opting out elsewhere is not heard": (deaf_to_messages(messages.OptOutMessage), as_told),
    "a recording is not heard of": (deaf_to_messages(messages.RecordingMessage), as_told),
    "a recording is not told": (everything, without(is_event("RecordingChanged"))),
    "nodes are not told whom to record": (everything, without(is_command(commands.Record))),
    "nodes are not told when to stop": (everything, without(is_command(commands.StopRecording))),
    "nodes are not told of who opts out": (everything, without(lets_out)),
    "nodes are told before the members": (everything, nodes_first),
    "what a host changes is not heard of": (deaf_to_messages(messages.ControlMessage), as_told),
    "changed settings are not told": (everything, without(is_event("SettingsChanged"))),
    "nodes are not told what is blocked": (everything, without(is_command(commands.Block))),
    "a channel is never left": (everything, without(lambda effect: isinstance(effect, effects.Unused))),
}


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Callable[[Hears, Does], Failure | None]:
    """Play seeds with a core that has a fault, until one fails that holds without it."""

    def play(hears: Hears, does: Does) -> Failure | None:
        class Faulty(Meeting):
            def handle(self, given: Input, now: float) -> list[Effect]:
                return does(super().handle(given, now)) if hears(given) else []

        for seed in SEEDS:
            monkeypatch.setattr(hub, "Meeting", Faulty)
            failure = run_seed(seed)
            if failure is not None:
                monkeypatch.setattr(hub, "Meeting", Meeting)
                if run_seed(seed) is None:
                    monkeypatch.setattr(hub, "Meeting", Faulty)
                    return failure
        return None

    return play


def test_a_seed_is_the_same_in_every_run() -> None:
    first: list[str] = []
    again: list[str] = []
    for lines in (first, again):
        assert run(tell(3), lines.append) is None
    assert len(first) > 20
    assert _without_addresses(first) == _without_addresses(again)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_core_is_found(fault: str, play: Callable[[Hears, Does], Failure | None]) -> None:
    failure = play(*FAULTS[fault])
    assert failure is not None, f"not within {len(SEEDS)} seeds"


def test_a_failing_story_is_shortened(play: Callable[[Hears, Does], Failure | None]) -> None:
    failure = play(*FAULTS["an arrival is told twice"])
    assert failure is not None
    brief = shortest(failure)
    assert brief.kind == failure.kind
    assert [action.kind for action in brief.story.actions] == ["join", "join"]
    assert run(brief.story) == brief


def _without_addresses(lines: list[str]) -> list[str]:
    return [line.split(" object at ")[0] for line in lines]
