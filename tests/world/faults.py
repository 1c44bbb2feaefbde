"""What goes wrong. Each function is one kind of action."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.world.story import Action
from tests.world.world import ROOM, World

PAUSES: Final = (0.5, 2.0, 3.5, 8.0, 20.0, 45.0)
"""Seconds that something is away or stands still."""


def _pause(action: Action) -> float:
    return PAUSES[action.how % len(PAUSES)]


def kill_hub(world: World, action: Action) -> None:
    """kill -9; another may take its place."""
    hub = world.pick_hub(action)
    if hub is not None:
        world.note(f"{hub.id} dies")
        world.is_lossy = True
        world.bury(hub)
        if action.how % 3:
            world.clock.after(PAUSES[action.how % 4], None, world.start_hub)


def restart_hub(world: World, action: Action) -> None:
    """A deploy: the hub sends its clients away, and goes when they are gone."""
    hub = world.pick_hub(action)
    if hub is not None:
        world.note(f"{hub.id} is restarted")
        world.is_lossy = True
        world.start_hub()
        world.clock.after(0.0, hub.process, hub.stop)
        world.clock.after(3.0, None, world.bury, hub)


def stop_hub(world: World, action: Action) -> None:
    """It stands still for a while."""
    hub = world.pick_hub(action)
    if hub is not None:
        world.note(f"{hub.id} stands still")
        world.is_lossy = True
        world.clock.freeze(hub.process)
        world.clock.after(_pause(action), None, world.hub_goes_on, hub)


def kill_node(world: World, action: Action) -> None:
    """An SFU node dies; another comes."""
    node = world.pick_node(action)
    if node is not None:
        world.note(f"{node.id} dies")
        node.stopped_at = world.clock.now
        node.process.is_alive = False
        world.clock.after(PAUSES[action.how % 4], None, world.start_node)


def stop_node(world: World, action: Action) -> None:
    """An SFU node stands still for a while."""
    node = world.pick_node(action)
    if node is not None:
        world.note(f"{node.id} stands still")
        node.stopped_at = world.clock.now
        world.clock.freeze(node.process)
        world.clock.after(_pause(action), None, world.node_goes_on, node)


def drain_node(world: World, action: Action) -> None:
    """An SFU node is taken out of service; another comes."""
    node = world.pick_node(action)
    if node is not None and not node.process.is_frozen:
        world.note(f"{node.id} drains")
        node.drain()
        world.clock.after(PAUSES[action.how % 3], None, world.start_node)


def give_up(world: World, action: Action) -> None:
    """An SFU node with too much to do gives up the room to another one."""
    node = world.pick_node(action)
    others = [other for other in world.nodes if other is not node]
    if node is not None and others and node.gives_up is None:
        other = others[action.how % len(others)]
        world.note(f"{node.id} gives up the room to {other.id}")
        node.give_up(ROOM, other)


def flush(world: World, action: Action) -> None:
    """FLUSHALL."""
    world.redis_forgets()
    world.server.flush()


def lose_key(world: World, action: Action) -> None:
    """One of the room's keys is evicted."""
    world.redis_forgets()
    world.server.tick()
    world.server.model.keys(ROOM).delete(action.how % 6)


def redis_away(world: World, action: Action) -> None:
    """Redis is restarted, and may come back empty."""
    if world.server.is_up:
        world.is_lossy = True
        world.server.go()
        if action.where % 2:
            world.redis_forgets()
            world.server.flush()
        world.clock.after(_pause(action), None, world.redis_is_back)


def redis_hangs(world: World, action: Action) -> None:
    """Redis stands still, and then does what it was asked."""
    world.is_lossy = True
    world.clock.freeze(world.server.process)
    world.clock.after(_pause(action), None, world.redis_is_back)


def break_calls(world: World, action: Action) -> None:
    """A hub's connection for calls breaks."""
    hub = world.pick_hub(action)
    if hub is not None:
        world.is_lossy = True
        hub.link.break_calls()


def break_channels(world: World, action: Action) -> None:
    """A hub's connection for channels breaks."""
    hub = world.pick_hub(action)
    if hub is not None:
        world.is_lossy = True
        hub.link.break_channels()


def sql_trouble(world: World, action: Action) -> None:
    """Transactions fail."""
    world.sql.failures = 0.4
    world.clock.after(_pause(action), None, world.sql_is_well)


def rough(world: World, action: Action) -> None:
    """Messages take long."""
    world.is_lossy = True
    world.weather.roughness = 0.3
    world.clock.after(_pause(action), None, world.smooth)


ACTIONS: Final[dict[str, Callable[[World, Action], None]]] = {
    do.__name__: do
    for do in (
        *(kill_hub, restart_hub, stop_hub, kill_node, stop_node, drain_node, give_up),
        *(flush, lose_key, redis_away, redis_hangs, break_calls, break_channels, sql_trouble, rough),
    )
}
