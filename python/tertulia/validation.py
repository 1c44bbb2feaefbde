"""From untyped JSON values to the structs of :mod:`tertulia.contract`, with every fault reported at once.

msgspec stops at the first fault. Here each field, and each item of a list, is converted by itself, so that a caller is
told of all of them, up to :data:`MAX_FAULTS`.
"""

from __future__ import annotations

import math
import re
from functools import cache
from itertools import islice
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct
from msgspec.structs import FieldInfo

from tertulia import times
from tertulia.contract.fields import TIME_FORMAT
from tertulia.errors import FieldError, Invalid

S = TypeVar("S", bound=Struct)

MAX_FAULTS: Final = 100
"""Reported at once: a body made of nothing but faults would cost more to answer than to send."""
_BAD_TEXT: Final = "must contain no NUL and no lone surrogate"
_BAD_TIME: Final = "must be a time such as 2026-01-02T03:04:05Z (RFC 3339)"

_KEY: Final = re.compile(r"[A-Za-z0-9_.$-]{1,64}")
"""An unknown key that is named in an error: what else a client wrote is not repeated."""
_PLACE: Final = re.compile(r" - at `(?:key in )?\$(?P<path>[^`]*)`$")
"""Where the fault is, as msgspec puts it at the end of its message."""
_WORDS: Final = {
    "object": "an object",
    "array": "a list",
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
}
_TYPES: Final = re.compile(r"`(\w+(?: \| \w+)*)`")
"""Names of types in a message of msgspec."""


def read(kind: type[S], value: object, *, null_is_absent: bool = False) -> S:
    """``value`` (what a JSON parser returned) as a ``kind``.

    With ``null_is_absent`` an optional field that is null counts as left out (the hub's rule); without it null is wrong
    wherever the type does not allow it (REST's).

    Raises:
        Invalid: with the first MAX_FAULTS faults, in the order of the struct's fields; unknown keys of a strict struct
            come last.
    """
    if _is_simple(value) and not _has_times(kind):
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError:
            pass  # which fields are at fault, and in which words, is found out below
    errors: list[FieldError] = []
    cleaned = _struct(kind, value, "", errors, null_is_absent)
    if errors:
        raise Invalid(errors[:MAX_FAULTS])
    return msgspec.convert(cleaned, kind)


def _is_simple(value: object) -> bool:
    """Whether this is an object of ASCII texts, numbers and booleans, as nearly every call of the hub: then nothing but
    its type can be wrong with it."""
    if type(value) is not dict:
        return False
    for key, given in value.items():
        if type(key) is not str or not key.isascii():  # msgspec fails at a lone surrogate
            return False
        if type(given) is str:
            if not given.isascii() or "\0" in given:
                return False
        elif type(given) is not bool and type(given) is not int and type(given) is not float:
            return False
    return True


def has_bad_text(text: str) -> bool:
    """Whether ``text`` holds a NUL or a lone surrogate, which neither SQL nor UTF-8 can carry."""
    return "\0" in text or (not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text))


class _Plan(NamedTuple):
    field: FieldInfo
    """What msgspec knows of it."""
    hint: Any
    """Its type."""
    struct: type[Struct] | None
    """The one in its type."""
    items: Any
    """The type of its items."""
    is_time: bool


@cache
def _plan(kind: type[Struct]) -> tuple[_Plan, ...]:
    """For each field."""
    hints = get_type_hints(kind, include_extras=True)
    plan = []
    for field in msgspec.structs.fields(kind):
        members = [_bare(member) for member in (hints[field.name], *get_args(hints[field.name]))]
        struct = next((m for m in members if isinstance(m, type) and issubclass(m, Struct)), None)
        items = next((get_args(m)[0] for m in members if get_origin(m) in (list, tuple)), None)
        plan.append(_Plan(field, hints[field.name], struct, items, _is_time(hints[field.name])))
    return tuple(plan)


@cache
def _has_times(kind: type[Struct]) -> bool:
    return any(plan.is_time for plan in _plan(kind))


def _is_time(hint: Any) -> bool:
    metas = [meta for part in (hint, *get_args(hint)) for meta in getattr(part, "__metadata__", ())]
    return any(isinstance(meta, msgspec.Meta) and meta.extra_json_schema == TIME_FORMAT for meta in metas)


def _bare(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _struct(kind: type[Struct], value: object, path: str, errors: list[FieldError], null_is_absent: bool) -> object:
    """Append what is wrong with ``value``, and return it without the keys that count as absent."""
    if not isinstance(value, dict):
        _leaf(kind, value, path, errors)
        return value
    cleaned: dict[str, Any] = {}
    for field, hint, struct, items, is_time in _plan(kind):
        name = field.encode_name
        if name not in value:
            if field.required:
                errors.append(FieldError(_join(path, name), "is required"))
            continue
        given = value[name]
        if given is None and null_is_absent and not field.required:
            continue
        where = _join(path, name)
        if struct is not None and isinstance(given, dict):
            cleaned[name] = _struct(struct, given, where, errors, null_is_absent)
        elif items is not None and isinstance(given, list):
            cleaned[name] = _list(hint, items, given, where, errors, null_is_absent)
        else:
            _leaf(hint, given, where, errors, is_time=is_time)
            cleaned[name] = given
    if kind.__struct_config__.forbid_unknown_fields:
        known = {field.encode_name for field, *_ in _plan(kind)}
        unknown = (name for name in value if name not in known)
        errors.extend(_unknown_key(path, name) for name in islice(unknown, MAX_FAULTS))
    return cleaned


def _unknown_key(path: str, name: str) -> FieldError:
    # A name that UTF-8 cannot carry cannot be reported either, nor one that nobody would have misspelled.
    if has_bad_text(name):
        return FieldError(path, _BAD_TEXT)
    return FieldError(_join(path, name) if _KEY.fullmatch(name) else path, "is not a known key")


def _choices(hint: Any) -> list[str]:
    """The words that a type allows, if it is made of such."""
    if get_origin(hint) is Literal:
        return [repr(word) for word in get_args(hint)]
    return [word for part in get_args(hint) for word in _choices(part)]


def _list(
    hint: Any, items: Any, value: list[Any], path: str, errors: list[FieldError], null_is_absent: bool
) -> list[Any]:
    longest = _longest(hint)
    if longest is not None and len(value) > longest:
        errors.append(FieldError(path, f"must have at most {longest} items"))
        return value
    found = len(errors)
    struct = _bare(items)
    cleaned = []
    for i, item in enumerate(value):
        if len(errors) >= MAX_FAULTS:
            break
        where = f"{path}[{i}]"
        if isinstance(struct, type) and issubclass(struct, Struct):
            cleaned.append(_struct(struct, item, where, errors, null_is_absent))
        else:
            _leaf(items, item, where, errors)
            cleaned.append(item)
    if len(errors) == found:  # no item is at fault: the list itself may still be too short or too long
        _leaf(hint, cleaned, path, errors)
    return cleaned


def _longest(hint: Any) -> int | None:
    """How many items a list may have, if its type says so."""
    bounds = [meta.max_length for meta in getattr(hint, "__metadata__", ()) if isinstance(meta, msgspec.Meta)]
    return min((bound for bound in bounds if bound is not None), default=None)


def _leaf(hint: Any, value: object, path: str, errors: list[FieldError], *, is_time: bool = False) -> None:
    if _holds_bad_text(value):
        errors.append(FieldError(path, _BAD_TEXT))
        return
    if _holds_infinity(value):
        errors.append(FieldError(path, "must contain no number beyond the range of a double"))
        return
    try:
        msgspec.convert(value, hint)
    except msgspec.ValidationError as e:
        message = str(e)
        place = _PLACE.search(message)
        inner = place["path"] if place else ""
        errors.append(FieldError((path + inner).lstrip("."), _sentence(_PLACE.sub("", message), hint)))
    else:
        if is_time and isinstance(value, str) and not _is_moment(value):
            errors.append(FieldError(path, _BAD_TIME))


def _is_moment(text: str) -> bool:
    try:
        times.from_rfc3339(text)
    except ValueError:
        return False
    return True


def _sentence(message: str, hint: Any) -> str:
    """msgspec's message, in words for someone who writes JSON."""
    if message.startswith("Invalid enum value"):  # msgspec repeats the value
        return f"must be one of {', '.join(words)}" if (words := _choices(hint)) else "is not one of the known values"
    if "matching regex" in message:  # the only patterns of the contract
        return "must be an email address" if "@" in message else "must be a UUID"
    message = _TYPES.sub(lambda found: " or ".join(_WORDS.get(word, word) for word in found[1].split(" | ")), message)
    message = message.replace("`", "")
    return message.replace("Expected", "must be", 1) if message.startswith("Expected") else message


def _holds_bad_text(value: object) -> bool:
    if isinstance(value, str):
        return has_bad_text(value)
    if isinstance(value, dict):
        return any(_holds_bad_text(k) or _holds_bad_text(v) for k, v in value.items())
    if isinstance(value, list):
        return any(map(_holds_bad_text, value))
    return False


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _holds_infinity(value: object) -> bool:
    if isinstance(value, float):
        return math.isinf(value)
    if isinstance(value, dict):
        return any(map(_holds_infinity, value.values()))
    return isinstance(value, list) and any(map(_holds_infinity, value))
