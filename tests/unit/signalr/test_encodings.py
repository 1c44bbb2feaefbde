"""The messages of both encodings, byte for byte: HubProtocol.md's own examples, and what is wrong."""

from __future__ import annotations

import math
import sys
from typing import Any

import msgspec
import pytest
from msgspec import UNSET
from msgspec.structs import replace

from tertulia import strict_json
from tertulia.signalr.encoding import UNREADABLE_RESULT, HubProtocol
from tertulia.signalr.errors import ProtocolError
from tertulia.signalr.framing import with_length
from tertulia.signalr.handshake import JSON, MESSAGEPACK
from tertulia.signalr.messages import (
    UNREAD,
    UNREADABLE,
    Ack,
    CancelInvocation,
    Close,
    Completion,
    Invocation,
    Message,
    Ping,
    Sequence,
    StreamInvocation,
    StreamItem,
)

GOLDEN_MESSAGEPACK: list[tuple[Message, str]] = [
    (Invocation("method", [42], "xyz"), "960180a378797aa66d6574686f64912a90"),
    (Invocation("method", [42]), "960180c0a66d6574686f64912a90"),
    (StreamInvocation("xyz", "method", [42]), "960480a378797aa66d6574686f64912a90"),
    (StreamItem("xyz", 42), "940280a378797a2a"),
    (Completion("xyz", error="Error"), "950380a378797a01a54572726f72"),
    (Completion("xyz"), "940380a378797a02"),
    (Completion("xyz", 42), "950380a378797a032a"),
    (Completion("xyz", None), "950380a378797a03c0"),
    (CancelInvocation("xyz"), "930580a378797a"),
    (Ping(), "9106"),
    (Close("xyz", allow_reconnect=True), "9307a378797ac3"),
    (Close("xyz"), "9307a378797ac2"),
    (Close(), "9307c0c2"),
    (Ack(36), "920824"),
    (Sequence(19), "920913"),
    (
        Invocation("method", [42], "xyz", headers={"x": "y", "z": "z"}),
        "960182a178a179a17aa17aa378797aa66d6574686f64912a90",
    ),
    (
        Invocation("m", [{"a": [1.5, None, True, b"\x00", "é"]}], "1", ["2", "3"]),
        "960180a131a16d9181a16195cb3ff8000000000000c0c3c40100a2c3a992a132a133",
    ),
]
"""HubProtocol.md's examples and a few more. We write Close with three items, as ASP.NET Core does."""

ONLY_READ_MESSAGEPACK: list[tuple[Message, str]] = [
    (Close("xyz"), "9207a378797a"),
    (Close(), "9107"),
    (Ack(36), "9208cc24"),
    (Sequence(19), "9209cc13"),
    (Invocation("method", [42], "xyz"), "950180a378797aa66d6574686f64912a"),
    (Invocation("method", [42]), "960180a0a66d6574686f64912a90"),
    (Invocation("method", []), "970180c0a66d6574686f64909001"),
    (Completion("xyz"), "950380a378797a02c0"),
]
"""What other versions of clients write."""

GOLDEN_JSON: list[tuple[Message, str]] = [
    (
        Invocation("Send", [42, "Text"], "123"),
        '{"type":1,"target":"Send","arguments":[42,"Text"],"invocationId":"123"}',
    ),
    (Invocation("Send", []), '{"type":1,"target":"Send","arguments":[]}'),
    (
        Invocation("Send", [42], "123", ["1"], {"Foo": "Bar"}),
        '{"type":1,"target":"Send","arguments":[42],"invocationId":"123","streamIds":["1"],"headers":{"Foo":"Bar"}}',
    ),
    (StreamItem("123", 42), '{"type":2,"invocationId":"123","item":42}'),
    (StreamItem("123", None), '{"type":2,"invocationId":"123","item":null}'),
    (Completion("123"), '{"type":3,"invocationId":"123"}'),
    (Completion("123", 42), '{"type":3,"invocationId":"123","result":42}'),
    (Completion("123", None), '{"type":3,"invocationId":"123","result":null}'),
    (Completion("123", error="no"), '{"type":3,"invocationId":"123","error":"no"}'),
    (StreamInvocation("123", "Send", [1]), '{"type":4,"invocationId":"123","target":"Send","arguments":[1]}'),
    (CancelInvocation("123"), '{"type":5,"invocationId":"123"}'),
    (Ping(), '{"type":6}'),
    (Close(), '{"type":7}'),
    (Close("Bad"), '{"type":7,"error":"Bad"}'),
    (Close("Bad", allow_reconnect=True), '{"type":7,"error":"Bad","allowReconnect":true}'),
    (Ack(1394), '{"type":8,"sequenceId":1394}'),
    (Sequence(1234), '{"type":9,"sequenceId":1234}'),
]


@pytest.mark.parametrize(("message", "hexadecimal"), GOLDEN_MESSAGEPACK)
def test_message_pack_to_the_byte(message: Message, hexadecimal: str) -> None:
    payload = bytes.fromhex(hexadecimal)
    assert MESSAGEPACK.encode(message) == with_length(payload)
    assert MESSAGEPACK.decode(payload) == message


@pytest.mark.parametrize(("message", "hexadecimal"), ONLY_READ_MESSAGEPACK)
def test_message_pack_of_other_versions(message: Message, hexadecimal: str) -> None:
    assert MESSAGEPACK.decode(bytes.fromhex(hexadecimal)) == message


@pytest.mark.parametrize(("message", "text"), GOLDEN_JSON)
def test_json_to_the_byte(message: Message, text: str) -> None:
    assert JSON.encode(message) == text.encode() + b"\x1e"
    assert JSON.decode(text.encode()) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (' {"arguments":[1],"target":"a","type":1,"more":{}} ', Invocation("a", [1])),
        ('{"invocationId":null,"type":1,"target":"a","arguments":[]}', Invocation("a", [])),
        ('{"result":null,"error":"no","invocationId":"1","type":3,"type":3}', None),
        ('{"error":null,"result":1,"invocationId":"1","type":3}', Completion("1", 1)),
        ('{"type":6,"target":5}', Ping()),
    ],
)
def test_json_in_any_order_and_with_more_in_it(text: str, message: Message | None) -> None:
    if message is None:
        with pytest.raises(ProtocolError):
            JSON.decode(text.encode())
    else:
        assert JSON.decode(text.encode()) == message


@pytest.mark.parametrize("text", ['{"type":10}', '{"type":99,"target":[]}', '{"type":-1}'])
def test_json_of_the_future_is_ignored(text: str) -> None:
    assert JSON.decode(text.encode()) is None


@pytest.mark.parametrize("hexadecimal", ["910a", "93630180"])
def test_message_pack_of_the_future_is_ignored(hexadecimal: str) -> None:
    assert MESSAGEPACK.decode(bytes.fromhex(hexadecimal)) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        "foo",
        '{"type":"1"}',
        '{"type":1}',
        '{"type":1,"target":"","arguments":[]}',
        '{"type":1,"target":5,"arguments":[]}',
        '{"type":1,"target":"a","arguments":[],"invocationId":5}',
        '{"type":2,"invocationId":"1"}',
        '{"type":2,"item":1}',
        '{"type":3}',
        '{"type":3,"invocationId":"1","result":1,"error":"e"}',
        '{"type":4,"target":"a","arguments":[]}',
        '{"type":4,"invocationId":"","target":"a","arguments":[]}',
        '{"type":5}',
        '{"type":7,"error":5}',
        '{"type":8}',
        '{"type":8,"sequenceId":"1"}',
        '{"type":1,"target":"a","arguments":[' + "[" * 100_000,
        '{"type":1,"target":"\\ud800","arguments":[]}',
    ],
)
def test_wrong_json(text: str) -> None:
    with pytest.raises(ProtocolError):
        JSON.decode(text.encode())


def test_json_that_is_not_utf8() -> None:
    with pytest.raises(ProtocolError):
        JSON.decode(b'{"type":1,"target":"\xff","arguments":[]}')


@pytest.mark.parametrize(
    ("argument", "read"),
    [
        ('"\\ud83d"', "\ud83d"),
        ('"\\ude00\\ud83d"', "\ude00\ud83d"),
        ("1e999", math.inf),
        ('{"a":[-1e999]}', {"a": [-math.inf]}),
        ('{"\\udc00":1}', {"\udc00": 1}),
        ("12" * 9000, math.inf),
    ],
)
def test_json_of_which_an_argument_has_no_place_in_a_text_or_a_double(argument: str, read: Any) -> None:
    call = f'{{"type":1,"target":"a","invocationId":"7","arguments":[{argument}]}}'
    assert JSON.decode(call.encode()) == Invocation("a", [read], "7")
    wrong = call.removesuffix("}") + ',"headers":{"a":1}}'
    assert JSON.decode(wrong.encode()) == Invocation("a", [UNREADABLE], "7")
    stream = call.replace('"type":1', '"type":4')
    assert JSON.decode(stream.encode()) == StreamInvocation("7", "a", [UNREADABLE])


@pytest.mark.parametrize(
    "argument",
    [
        "a1ff",  # not UTF-8
        "818001",  # a map as key
        "c70cff" + "ff" * 12,  # a time that is none
    ],
)
def test_message_pack_of_which_an_argument_cannot_be_read(argument: str) -> None:
    assert MESSAGEPACK.decode(bytes.fromhex(f"960180a137a16191{argument}90")) == Invocation("a", [UNREADABLE], "7")
    assert MESSAGEPACK.decode(bytes.fromhex(f"950480a137a16191{argument}")) == StreamInvocation("7", "a", [UNREADABLE])


@pytest.mark.parametrize(
    "arguments",
    [rb'["\x"]', b'["\t"]', b'["\xff"]', b"[nul]", b'{"a":1}', b"5", b'["a",]', rb'["\ud83d"],"headers":{"a":1}'],
)
def test_json_that_can_be_told_from_what_follows_fails_as_one_call(arguments: bytes) -> None:
    for more in (b"", rb',"headers":{"a":"\ud83d"}', b',"streamIds":[1]', b',"later":"\xff\t"'):
        call = b'{"type":1,"target":"a","arguments":' + arguments + more + b',"invocationId":"7"}'
        assert JSON.decode(call) == Invocation("a", [UNREADABLE], "7")
        assert JSON.skim(call) == Invocation("a", [UNREAD], "7")


@pytest.mark.parametrize(
    "value", [rb'"\ud83d"', b"1e999", b'"\xff"', rb'"\x"', b'{"a":["\t"]}', b"[" * 9_000 + b"]" * 9_000]
)
def test_json_of_which_an_item_or_a_result_cannot_be_read(value: bytes) -> None:
    assert JSON.decode(b'{"type":2,"invocationId":"7","item":' + value + b"}") == StreamItem("7", UNREADABLE)
    failed = Completion("7", error=UNREADABLE_RESULT)
    assert JSON.decode(b'{"type":3,"invocationId":"7","result":' + value + b"}") == failed


def test_json_of_which_an_error_cannot_be_read() -> None:
    failed = Completion("7", error=UNREADABLE_RESULT)
    assert JSON.decode(b'{"type":3,"invocationId":"7","error":"\xff"}') == failed


@pytest.mark.parametrize(
    ("hexadecimal", "message"),
    [
        ("960180a137a16191c190", Invocation("a", [UNREADABLE], "7")),  # an octet that MessagePack never uses
        ("960480a137a16191c190", StreamInvocation("7", "a", [UNREADABLE])),
        ("960181a168a1ffa137a1619090", Invocation("a", [UNREADABLE], "7")),  # a header that is not UTF-8
        ("96018101a0a137a1619090", Invocation("a", [UNREADABLE], "7")),  # one that is no string
        ("960180a137a161809090", Invocation("a", [UNREADABLE], "7")),  # arguments that are a map
        ("960180a137a161dd7fffffff", Invocation("a", [UNREADABLE], "7")),  # too few of them
        ("960180a137a161" + "81" + "91" * 20_000 + "01", Invocation("a", [UNREADABLE], "7")),
        ("940280a137c1", StreamItem("7", UNREADABLE)),
        ("940280a137a1ff", StreamItem("7", UNREADABLE)),
        ("950380a13703c1", Completion("7", error=UNREADABLE_RESULT)),
        ("950380a13701a1ff", Completion("7", error=UNREADABLE_RESULT)),
    ],
)
def test_message_pack_of_which_only_the_content_cannot_be_read(hexadecimal: str, message: Message) -> None:
    assert MESSAGEPACK.decode(bytes.fromhex(hexadecimal)) == message


READABLE = [
    *[(JSON, message, text.encode()) for message, text in GOLDEN_JSON],
    *[(MESSAGEPACK, message, bytes.fromhex(text)) for message, text in (*GOLDEN_MESSAGEPACK, *ONLY_READ_MESSAGEPACK)],
]


@pytest.mark.parametrize(("protocol", "message", "payload"), READABLE)
def test_what_is_skimmed_is_the_same_without_its_content(
    protocol: HubProtocol, message: Message, payload: bytes
) -> None:
    expected = message
    if isinstance(message, Invocation):
        expected = Invocation(message.target, [UNREAD], message.invocation_id)
    elif isinstance(message, StreamInvocation):
        expected = StreamInvocation(message.invocation_id, message.target, [UNREAD])
    elif isinstance(message, StreamItem):
        expected = StreamItem(message.invocation_id, UNREAD)
    elif isinstance(message, Completion):
        has_content = message.result is not UNSET or message.error is not None
        error = message.error if protocol is JSON and message.error else UNREADABLE_RESULT
        expected = Completion(message.invocation_id, error=error if has_content else None)
    assert protocol.skim(payload) == expected


DEEP = 20_000
"""Levels that no parser takes."""


@pytest.mark.parametrize(
    ("opened", "closed"),
    [("[", "]"), ('{"a":', "}"), ("[0,", "]"), ('["]",{"}\\"":[', "]}]"), ("[[[[[[[", "]]]]]]]")],
)
def test_json_that_is_nested_too_deep(opened: str, closed: str) -> None:
    levels = sys.getrecursionlimit()
    deep = f"{opened * levels}1{closed * levels}"
    for arguments in (f"[{deep}]", f"[1,{deep},2]", f"[{deep},{deep}]", deep if opened[0] == "[" else f"[{deep}]"):
        first = f'{{"arguments":{arguments},"invocationId":"7","streamIds":["8"],"target":"]","type":1}}'
        last = f'{{"type":4,"headers":{{"a":"["}},"target":"a","invocationId":"7","arguments":{arguments}}}'
        assert JSON.decode(first.encode()) == Invocation("]", [UNREADABLE], "7")
        assert JSON.decode(last.encode()) == StreamInvocation("7", "a", [UNREADABLE])


@pytest.mark.parametrize(
    "text",
    [
        '{"type":1,"target":"a","arguments":<',
        '{"type":1,"target":"a","arguments":[<>}}',
        '{"type":1,"target":<>,"arguments":[]}',
        '{"type":1,"target":"","arguments":[<>]}',
        '{"type":1,"target":"a","arguments":[<>]}}',
    ],
)
def test_json_that_is_nested_too_deep_and_no_call(text: str) -> None:
    with pytest.raises(ProtocolError):
        JSON.decode(text.replace("<", "[" * DEEP).replace(">", "]" * DEEP).encode())


@pytest.mark.parametrize("arguments", ["91", "dc0001", "92c0", "dd00000001", "9181a161", "9881a161"])
def test_message_pack_that_is_nested_too_deep(arguments: str) -> None:
    deep = arguments + "91" * DEEP + "c0"
    assert MESSAGEPACK.decode(bytes.fromhex(f"960180a137a161{deep}90")) == Invocation("a", [UNREADABLE], "7")
    # Lengths that could be shorter.
    long = bytes.fromhex(f"dc000504df00000001a162da000163d90137db0000000161{deep}")
    assert MESSAGEPACK.decode(long) == StreamInvocation("7", "a", [UNREADABLE])
    assert MESSAGEPACK.decode(bytes.fromhex(f"dd0000000501de0000c0a161{deep}")) == Invocation("a", [UNREADABLE])


@pytest.mark.parametrize(
    "hexadecimal",
    [
        "",
        "90",
        "06",
        "c0",
        "91a106",
        "9101",
        "960180c0a09090",  # no target
        "960180c02a9090",  # a number as target
        "940380a16104",  # an unknown result kind
        "940380a16103",  # a result that is not there
        "950380a161012a",  # an error that is no string
        "950380a00301",  # no invocation id
        "9107" + "00" * 5,  # more behind the message
        "960180c0a1ff9090",  # not UTF-8
        "920281c0" + "91" * 20_000 + "01",  # too deep, and no call
        "960181a161" + "91" * 20_000 + "01",  # a header that is too deep
        "9601dfffffffff" + "91" * 20_000 + "01",  # more headers than there are bytes
        "960180db" + "ffffffff" + "91" * 20_000 + "01",  # an invocation id longer than the message
    ],
)
def test_wrong_message_pack(hexadecimal: str) -> None:
    with pytest.raises(ProtocolError):
        MESSAGEPACK.decode(bytes.fromhex(hexadecimal))


@pytest.mark.parametrize("protocol", [JSON, MESSAGEPACK])
@pytest.mark.parametrize("value", [0, -1, 2**53, 1.5, "é\x1e\n", True, None, [], {}, {"a": [{"b": 1}]}])
def test_values_come_back_as_they_went(protocol: HubProtocol, value: Any) -> None:
    message = Invocation("M", [value, value])
    frame = protocol.encode(message)
    (payload,) = protocol.framer(1000).feed(frame)
    assert protocol.decode(payload) == message


@pytest.mark.parametrize("protocol", [JSON, MESSAGEPACK])
def test_the_ping_that_is_kept_is_the_one_that_is_encoded(protocol: HubProtocol) -> None:
    assert protocol.ping == protocol.encode(Ping())


FEW: dict[str, list[Any]] = {
    "numbers": [list(range(600))],
    "large numbers": [[2**62, -(2**62), 1000, -1000, 70_000, -70_000] * 100],
    "fractions": [[1.5] * 600],
    "short texts": [["x"] * 600],
    "long texts": ["x" * 200_000, *["y" * 300] * 20, *["z" * 100] * 20],
    "constants": [[True, False, None] * 200],
    "lists": [[[]] * 600],
    "lists in lists": [[[[[1, 2]]]] * 100],
    "maps": [{str(n): {"a": n} for n in range(200)}],
    "arguments": list(range(600)),
}
MANY: dict[str, Invocation] = {
    "numbers": Invocation("a", [[1] * 100_000]),
    "fractions": Invocation("a", [[1.5] * 20_000]),
    "short texts": Invocation("a", [["x"] * 100_000]),
    "lists": Invocation("a", [[[]] * 100_000]),
    "maps": Invocation("a", [[{"a": {}}] * 50_000]),
    "arguments": Invocation("a", [1] * 100_000),
    "streams": Invocation("a", [], stream_ids=["x"] * 100_000),
    "headers": Invocation("a", [], headers={str(n): "" for n in range(30_000)}),
}


@pytest.mark.parametrize("protocol", [JSON, MESSAGEPACK])
@pytest.mark.parametrize("arguments", FEW.values(), ids=FEW.keys())
def test_the_parts_of_a_message_are_counted_unread(arguments: list[Any], protocol: HubProtocol) -> None:
    said, text = values_in(arguments), payload_of(Invocation("a", arguments), JSON)
    assert JSON.parts_of(text) == strict_json.parts_of(text), "both dialects have one price"
    assert said <= protocol.parts_of(payload_of(Invocation("a", arguments), protocol)) <= 2 * said + 20


@pytest.mark.parametrize("protocol", [JSON, MESSAGEPACK])
@pytest.mark.parametrize("message", MANY.values(), ids=MANY.keys())
def test_many_parts_are_never_counted_as_fewer(message: Invocation, protocol: HubProtocol) -> None:
    said = sum(map(values_in, (message.arguments, message.stream_ids or [], message.headers or {})))
    assert protocol.parts_of(payload_of(message, protocol)) >= said


@pytest.mark.parametrize(
    ("item", "least"),
    [
        ("d40100", 1000),  # an extension of one octet
        ("d8" + "00" * 17, 1000),
        ("c7020100ff", 1000),
        ("c40100", 1000),  # bytes
        ("c1", 1000),  # nothing that there is
        ("df00000000", 1000),
        ("dfffffffff", 500),  # a map that is longer than the message
        ("8fdeffff", 500),
    ],
)
def test_parts_that_only_messagepack_has_are_counted_too(item: str, least: int) -> None:
    assert MESSAGEPACK.parts_of(bytes.fromhex("960180c0a161dc03e8" + item * 1000)) >= least


@pytest.mark.parametrize("protocol", [JSON, MESSAGEPACK])
@pytest.mark.parametrize("message", MANY.values(), ids=MANY.keys())
def test_a_call_of_more_values_than_any_has_fails_alone_and_unread(message: Invocation, protocol: HubProtocol) -> None:
    refused = Invocation("a", [UNREADABLE], "7")
    if protocol is MESSAGEPACK and message.headers:
        with pytest.raises(ProtocolError, match="too many values"):  # they are in front of what names the call
            protocol.decode(payload_of(replace(message, invocation_id="7"), protocol))
    else:
        assert protocol.decode(payload_of(replace(message, invocation_id="7"), protocol)) == refused


@pytest.mark.parametrize(
    "argument",
    [
        ",[{" * 80_000,
        [[1] * 4_900],
        [["x"] * 2_400],
        [[]] * 2_400,
        {str(n): 1 for n in range(800)},
        ['"' * 40_000, ",\\" * 40_000],
    ],
)
@pytest.mark.parametrize("protocol", [JSON, MESSAGEPACK])
def test_a_call_of_few_values_is_read_however_long_it_is(argument: Any, protocol: HubProtocol) -> None:
    call = Invocation("a", [argument], "7")
    assert protocol.decode(payload_of(call, protocol)) == call


@pytest.mark.parametrize("protocol", [JSON, MESSAGEPACK])
def test_other_messages_of_many_values(protocol: HubProtocol) -> None:
    many = [1] * 6_000
    assert protocol.decode(payload_of(StreamItem("1", many), protocol)) == StreamItem("1", UNREADABLE)
    failed = Completion("1", error=UNREADABLE_RESULT)
    assert protocol.decode(payload_of(Completion("1", many), protocol)) == failed
    later, ping = (
        [f'{{"type":{kind},"more":{many}}}'.encode() for kind in (10, 6)]
        if protocol is JSON
        else [msgspec.msgpack.encode([kind, many]) for kind in (10, 6)]
    )
    assert protocol.decode(later) is None
    with pytest.raises(ProtocolError, match="too many values"):
        protocol.decode(ping)


@pytest.mark.parametrize("much", ['""', "[]", '"a",[', '"a"]'])
def test_what_is_no_json_and_has_many_values_ends_the_connection(much: str) -> None:
    with pytest.raises(ProtocolError):
        JSON.decode(b'{"type":1,"target":"a","invocationId":"7","arguments":[' + much.encode() * 20_000)
    few = b'{"type":1,"target":"a","invocationId":"7","arguments":[' + b'""' * 4_000 + b"]}"
    assert JSON.decode(few) == Invocation("a", [UNREADABLE], "7")


def test_what_says_that_it_is_longer_than_its_message_ends_it() -> None:
    assert MESSAGEPACK.parts_of(bytes.fromhex("960180c0a16191db7fffffff") + b"x" * 200) < 10


def values_in(value: Any) -> int:
    """How many lists, maps and values are in it."""
    if isinstance(value, dict):
        value = list(value.values())
    return sum(1 + values_in(item) for item in value) if isinstance(value, list) else 0


def payload_of(message: Message, protocol: HubProtocol) -> bytes:
    (payload,) = protocol.framer(1 << 20).feed(protocol.encode(message))
    return payload


@pytest.mark.parametrize("much", ['""', "} ", "] ", "[ ", "{ ", ",", '"":'])
def test_json_that_takes_long_to_skim_ends_the_connection(much: str) -> None:
    with pytest.raises(ProtocolError, match="many values"):
        JSON.skim(b'{"type":1,"target":"a","arguments":[' + much.encode() * 6_000)


@pytest.mark.parametrize(("headers", "is_read"), [(30, True), (40, False)])
def test_a_message_with_many_headers_is_not_skimmed(headers: int, is_read: bool) -> None:
    message = payload_of(Invocation("a", [], headers={str(n): "" for n in range(headers)}), MESSAGEPACK)
    assert isinstance(MESSAGEPACK.decode(message), Invocation)
    if is_read:
        assert MESSAGEPACK.skim(message) == Invocation("a", [UNREAD])
    else:
        with pytest.raises(ProtocolError):
            MESSAGEPACK.skim(message)
