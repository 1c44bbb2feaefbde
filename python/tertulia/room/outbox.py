"""What waits for a client: one that reads slower than the room talks, or one whose connection is lost for now. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Final, Generic, TypeVar

MAX_ITEMS: Final = 1000
"""A burst of a large room (a thousand joins) fits; a reader that is further behind is stuck."""
MAX_BYTES: Final = 1024 * 1024
"""Four of the largest messages."""

T = TypeVar("T")


class Outbox(Generic[T]):
    """Items in order, bounded. Of those with the same ``latest`` only the newest is kept, at its own place; the stale
    is dropped."""

    __slots__ = ("_items", "_max_bytes", "_max_items", "_next", "_size", "dropped")

    def __init__(self, max_items: int = MAX_ITEMS, max_bytes: int = MAX_BYTES) -> None:
        self._items: dict[Hashable, tuple[T, int]] = {}
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._next = 0
        self._size = 0
        self.dropped = 0
        """Stale items dropped so far."""

    def add(self, item: T, size: int, latest: Hashable = None) -> bool:
        """Put an item of ``size`` bytes at the end. False: it does not fit, and was not taken."""
        key: Hashable = (latest,)
        if latest is None:
            key = self._next
            self._next += 1
        elif key in self._items:
            self._size -= self._items.pop(key)[1]
            self.dropped += 1
        if len(self._items) >= self._max_items or self._size + size > self._max_bytes:
            return False
        self._items[key] = item, size
        self._size += size
        return True

    def pop(self) -> T | None:
        """The oldest item; None: nothing waits."""
        if not self._items:
            return None
        item, size = self._items.pop(next(iter(self._items)))
        self._size -= size
        return item

    def keep(self, wanted: Callable[[T], bool]) -> None:
        """Drop the items that are not wanted any more."""
        self._items = {key: (item, size) for key, (item, size) in self._items.items() if wanted(item)}
        self._size = sum(size for _, size in self._items.values())

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[T]:
        return (item for item, _ in self._items.values())
