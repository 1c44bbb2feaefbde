"""The Lua scripts, each a file here, and how they are loaded.

A file begins with a comment. Some of its lines are declarations (long ones go on in another line of the same kind)::

    -- needs: room, iso                     other files whose text comes first, with what those need
    -- keys: entries, beats                 names for KEYS[1], KEYS[2], …
    -- args: user, limit (number), rest...  names for the next ARGV: text, a number, all that follow

The names become locals at the top of the file's text. Keys and arguments are numbered through the files in the order in
which they are put together. What Python passes is a named tuple with the same names in the same order: if they differ,
the import fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import resources
from typing import Any, Final, Generic, NamedTuple, TypeVar, get_type_hints

from tertulia.redis.connection import Value
from tertulia.redis.script import Script

Args = TypeVar("Args", bound=tuple[Any, ...])

_HEAD: Final = "#!lua flags=allow-oom"
"""Redis refuses to write while it has no memory left, and then nobody could say that they are still there. What our
scripts write is there already, or takes a few hundred bytes of a key with a TTL."""
_HEAD_OF_GROWING: Final = "#!lua"
"""Of scripts that write more, and can be done without: Redis refuses them while it has no memory left."""
_DECLARATION: Final = re.compile(r"^-- (needs|keys|args): (.+)$", re.MULTILINE)
_ARGUMENT: Final = re.compile(r"([a-z_]+)( \(number\)|\.\.\.)?")


class _Argument(NamedTuple):
    name: str
    is_number: bool
    takes_rest: bool


class _Part(NamedTuple):
    """One file."""

    name: str
    keys: list[str]
    args: list[_Argument]
    text: str


class LuaScript(Script, Generic[Args]):
    """A script that is called with ``Args``, a named tuple of its arguments."""

    __slots__ = ("_takes_rest",)

    def __init__(self, name: str, parts: list[_Part], head: str) -> None:
        super().__init__(name, head, *_composed(parts))
        self._takes_rest = any(argument.takes_rest for part in parts for argument in part.args)

    def values(self, args: Args) -> tuple[Value, ...]:
        """The arguments as Redis takes them: one flat list."""
        return (*args[:-1], *args[-1]) if self._takes_rest else args


def load(
    name: str,
    keys: type[tuple[Any, ...]],
    args: type[Args],
    given_first: tuple[str, ...] = (),
    *,
    grows: bool = False,
) -> LuaScript[Args]:
    """The script ``name``, for calls with the named tuples ``keys`` and ``args``.

    ``given_first`` names arguments that every call passes before ``args``. ``grows``: Redis refuses the script while it
    has no memory left.

    Raises:
        ValueError: the file declares others.
    """
    parts = list(_parts(name, set()))
    _check(name, "keys", [key for part in parts for key in part.keys], list(_fields(keys)))
    declared = [argument for part in parts for argument in part.args]
    fields = [_as_argument(field, kind) for field, kind in _fields(args).items()]
    _check(name, "args", declared, [*(_as_argument(field, str) for field in given_first), *fields])
    return LuaScript(name, parts, _HEAD_OF_GROWING if grows else _HEAD)


def _check(name: str, what: str, declared: list[Any], passed: list[Any]) -> None:
    if declared != passed:
        raise ValueError(f"{name}.lua declares the {what} {declared}, and Python passes {passed}")


def _fields(kind: type[tuple[Any, ...]]) -> dict[str, Any]:
    return get_type_hints(kind)


def _as_argument(name: str, kind: Any) -> _Argument:
    return _Argument(name, kind is int, getattr(kind, "__origin__", None) is tuple)


def _parts(name: str, seen: set[str]) -> Iterator[_Part]:
    """The files that ``name`` needs, each once and after what it needs itself; ``name`` comes last."""
    if name in seen:
        return
    seen.add(name)
    text = resources.files(__name__).joinpath(f"{name}.lua").read_text()
    declared: dict[str, list[str]] = {}
    for what, names in _DECLARATION.findall(text):
        declared.setdefault(what, []).extend(names.split(", "))
    for needed in declared.get("needs", ()):
        yield from _parts(needed, seen)
    yield _Part(name, declared.get("keys", []), [_argument(name, a) for a in declared.get("args", ())], text)


def _argument(file: str, declared: str) -> _Argument:
    found = _ARGUMENT.fullmatch(declared)
    if found is None:
        raise ValueError(f"{file}.lua: {declared!r} does not declare an argument")
    return _Argument(found[1], found[2] == " (number)", found[2] == "...")


def _composed(parts: list[_Part]) -> Iterator[str]:
    keys, args = 0, 0
    for part in parts:
        for name in part.keys:
            keys += 1
            yield f"local {name} = KEYS[{keys}]"
        for argument in part.args:
            args += 1
            yield _local(argument, args)
        yield part.text


def _local(argument: _Argument, place: int) -> str:
    if argument.takes_rest:
        return f"local {argument.name} = {{}}; for i = {place}, #ARGV do {argument.name}[i - {place - 1}] = ARGV[i] end"
    value = f"tonumber(ARGV[{place}])" if argument.is_number else f"ARGV[{place}]"
    return f"local {argument.name} = {value}"
