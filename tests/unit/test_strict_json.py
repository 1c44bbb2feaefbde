import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tertulia import strict_json
from tertulia.strict_json import MAX_DEPTH, MAX_PARTS, TooDeep, check_depth, has_many_parts, levels


@pytest.mark.parametrize("within", ["[]", "{}"])
def test_as_deep_as_allowed_and_one_level_more(within: str) -> None:
    opening = "[" if within == "[]" else '{"a":'
    closing = within[1]

    def text(depth: int) -> str:
        return opening * (depth - 1) + within + closing * (depth - 1)

    strict_json.loads(text(MAX_DEPTH))
    with pytest.raises(TooDeep):
        strict_json.loads(text(MAX_DEPTH + 1))


def test_a_leaf_is_no_level() -> None:
    deepest: Any = "x"
    for _ in range(MAX_DEPTH):
        deepest = [deepest]
    check_depth(deepest)
    with pytest.raises(TooDeep):
        check_depth([deepest])
    check_depth("x")


def test_no_depth_exhausts_the_stack() -> None:
    value: Any = 1
    for _ in range(100_000):
        value = [value]
    with pytest.raises(TooDeep):
        check_depth(value)
    with pytest.raises(TooDeep):
        strict_json.loads("[" * 100_000 + "]" * 100_000)


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": -Infinity}', "[1,]", "", "nul", "{'a': 1}"])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        strict_json.loads(text)
    assert not isinstance(refused.value, TooDeep)


@pytest.mark.parametrize("much", ["[]", '""', "1", "{}", '"\\\\"', '"]\\",\\\\"'])
def test_values_are_counted_that_are_there_and_not_what_is_in_texts(much: str) -> None:
    """Each unit is one value, and the comma before it another at the most."""
    few, many = (f"[{','.join([much] * count)}]".encode() for count in (MAX_PARTS // 2 - 1, MAX_PARTS + 2))
    assert not has_many_parts(few + b" " * MAX_PARTS)
    assert has_many_parts(many)
    assert has_many_parts(many.replace(b"]", b"]" * 20))
    assert not has_many_parts(json.dumps([many.decode()]).encode())


@given(st.recursive(st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=30))
def test_every_value_is_on_one_level(value: Any) -> None:
    def count(item: Any) -> int:
        children = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        return 1 + sum(map(count, children))

    assert sum(map(len, levels(value))) == count(value)
    assert next(levels(value)) == [value]
