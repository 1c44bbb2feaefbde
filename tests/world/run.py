"""A story from its begin to its end, with every check; and the shortest part of it that still fails."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from tests.world import checks, faults, people
from tests.world.story import Action, Story, tell
from tests.world.world import SETTINGS, Broken, World

SETTLE: Final = SETTINGS.seat * 2 + 20
"""Seconds after which all is quiet: seats time out, also those that were doubted when Redis came back."""
GONE: Final = SETTLE + SETTINGS.empty_room + 2 * SETTINGS.reap
"""Seconds after which nothing is left when everybody has gone."""
RECOVER: Final = 8.0
"""Seconds until every connection that broke has been made again."""
PROBED: Final = 5.0
"""Seconds after which everything that is said has reached everybody."""
LOOK_EVERY: Final = 4.0
"""Seconds."""
PATIENT: Final = 4
"""One of so many worlds is left alone for the whole time, also if all is quiet before: nothing may happen then."""

_ACTIONS: Final = {**people.ACTIONS, **faults.ACTIONS}


class Failure(Struct):
    """How a story failed."""

    kind: str
    text: str
    story: Story


def run(story: Story, say: Callable[[str], None] | None = None) -> Failure | None:
    """Play it; None: everything held."""
    try:
        world = World(story, say)
        _play(world)
        world.calm_down()
        if story.seed % 3 == checks.RECORDED:
            people.rest_record(world, Action("rest_record", 0.0, 0, 0, 0, 0))
        _let_pass(world, SETTLE if story.seed % PATIENT == 0 else RECOVER)
        _wait_for(world, checks.when_settled, SETTLE)
        checks.probe(world)
        _wait_for(world, checks.when_probed, PROBED)
        world.everybody_goes()
        _wait_for(world, checks.when_gone, GONE)
    except Broken as e:
        return Failure(e.kind, str(e), story)
    except Exception as e:  # the core itself has failed
        return Failure(type(e).__name__, traceback.format_exc(limit=-6), story)
    return None


def _play(world: World) -> None:
    for action in world.story.actions:
        world.let_pass(action.gap)
        world.weather.random.seed(action.luck)
        world.note(f"== {action}")
        _ACTIONS[action.kind](world, action)
        checks.always(world)


def _let_pass(world: World, seconds: float) -> None:
    end = world.clock.now + seconds
    while world.clock.now < end:
        world.let_pass(LOOK_EVERY)
        checks.always(world)


def _wait_for(world: World, check: Callable[[World], None], seconds: float) -> None:
    """Let time pass until ``check`` holds; it must after so many seconds."""
    end = world.clock.now + seconds
    while world.clock.now < end:
        world.let_pass(LOOK_EVERY)
        checks.always(world)
        try:
            check(world)
        except Broken:
            continue
        return
    check(world)


def shortest(failure: Failure, budget: int = 2_000) -> Failure:
    """The same kind of failure in as few actions as can be found: parts are left out, large ones first (Zeller's
    ddmin)."""
    best, size = failure, max(1, len(failure.story.actions) // 2)
    while budget > 0:
        smaller = None
        for actions in _without_a_part(best.story.actions, size):
            budget -= 1
            smaller = _fails_alike(best, actions)
            if smaller is not None or budget <= 0:
                break
        if smaller is not None:
            best = smaller
        elif size > 1:
            size //= 2
        else:
            break
        size = max(1, min(size, len(best.story.actions) // 2))
    return best


def _without_a_part(actions: tuple[Action, ...], size: int) -> list[tuple[Action, ...]]:
    return [actions[:at] + actions[at + size :] for at in range(0, len(actions), size)]


def _fails_alike(failure: Failure, actions: tuple[Action, ...]) -> Failure | None:
    found = run(failure.story._replace(actions=actions))
    return found if found is not None and found.kind == failure.kind else None


def run_seed(seed: int) -> Failure | None:
    """The story of a seed."""
    return run(tell(seed))
