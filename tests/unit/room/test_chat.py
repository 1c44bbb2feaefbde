"""Chat: told at once, kept in few steps, read by those who may."""

from __future__ import annotations

import msgspec
import pytest

from tertulia.contract.calls import Empty
from tertulia.contract.events import ChatHistory, ChatMessage
from tertulia.errors import NotFound, Unavailable
from tertulia.ids import UserId
from tertulia.room import effects, steps
from tertulia.room.answers import Reacted
from tertulia.room.messages import EventMessage
from tests.unit.room.core import Core, member

AWAY = Unavailable("Redis does not answer")


@pytest.fixture
def core() -> Core:
    """Ann and bob, both here, and eve on another hub."""
    made = Core()
    made.join("ann", "a", [member("eve", "e")])
    made.join("bob", "b")
    made.clear()
    return made


def texts(step: steps.KeepChat) -> list[str]:
    return [message.text for message in step.messages]


def message(text: str, to: str | None = None) -> ChatMessage:
    return ChatMessage(
        id=text,
        user_id="ann",
        display_name="ann",
        text=text,
        sent_at="then",
        private=to is not None,
        target_user_id=to,
    )


def test_what_is_said_while_redis_works_is_kept_in_one_step(core: Core) -> None:
    for text in ("one", "two", "three"):
        core.call("a", "SendChat", text=text)
    assert core.texts("b") == ["one", "two", "three"]
    assert texts(core.step(steps.KeepChat)) == ["one"]
    core.answer(steps.KeepChat, True)
    assert texts(core.step(steps.KeepChat)) == ["two", "three"]
    core.answer(steps.KeepChat, True)
    assert not core.asks(steps.KeepChat)


def test_a_message_has_its_senders_own_id(core: Core) -> None:
    core.call("a", "SendChat", text="one", client_id="c1")
    sent = [e.event for e in core.of(effects.Deliver) if e.event.name == "ChatMessage"]
    assert [msgspec.json.decode(event.json())["clientId"] for event in sent] == ["c1"]
    assert [message.client_id for message in core.step(steps.KeepChat).messages] == ["c1"]


def test_who_joined_at_another_hub_a_moment_ago_hears_it_too() -> None:
    core = Core()
    core.join("ann", "a")
    core.clear()
    core.call("a", "SendChat", text="one")
    [told] = [e.message for e in core.of(effects.Publish) if isinstance(e.message, EventMessage)]
    assert (told.event, told.to, told.exclude) == ("ChatMessage", None, None)


def test_while_redis_is_away_people_go_on_talking(core: Core) -> None:
    core.call("a", "SendChat", text="one")
    core.call("a", "SendChat", text="two")
    core.fail(steps.KeepChat, AWAY)
    [log] = core.of(effects.Log)
    assert (log.text, log.fields["count"]) == ("chat messages are not kept", 1)
    assert texts(core.step(steps.KeepChat)) == ["two"]
    assert core.texts("b") == ["one", "two"]


def test_of_what_waits_for_redis_the_newest_is_kept(core: Core) -> None:
    for number in range(500):
        core.call("a", "SendChat", text=str(number))
    core.answer(steps.KeepChat, True)
    assert texts(core.step(steps.KeepChat)) == [str(number) for number in range(300, 500)]


def test_what_was_said_in_a_meeting_that_is_over_is_not_kept_in_the_next(core: Core) -> None:
    core.call("a", "SendChat", text="one")
    core.call("a", "SendChat", text="two")
    for connection in ("a", "b"):
        core.call(connection, "LeaveRoom")
        core.answer(steps.Leave, core.left({"a": "ann", "b": "bob"}[connection]))
    core.join("ann", "a2")
    core.answer(steps.KeepChat, True)
    assert not core.asks(steps.KeepChat)


def test_who_reads_is_given_what_is_being_kept_too(core: Core) -> None:
    """The steps of a hub on a room are carried out in order: what waits is kept before it is read."""
    core.call("a", "SendChat", text="one")
    core.call("a", "SendChat", text="two")
    core.call("b", "ReadChat")
    kinds = [type(step) for step in core.open.values() if isinstance(step, steps.KeepChat | steps.ReadChat)]
    assert kinds == [steps.KeepChat, steps.KeepChat, steps.ReadChat]
    core.answer(steps.ReadChat, ChatHistory(messages=[message("one"), message("two")]))
    assert core.answers("b") == [ChatHistory(messages=[message("one"), message("two")])]


def test_who_reacts_to_what_was_said_just_now_finds_it(core: Core) -> None:
    for text in ("one", "two"):
        core.call("a", "SendChat", text=text)
    core.call("b", "ReactToMessage", message_id="two", emoji="👍")
    kinds = [type(step) for step in core.open.values() if isinstance(step, steps.KeepChat | steps.React)]
    assert kinds == [steps.KeepChat, steps.KeepChat, steps.React]


def test_private_messages_of_others_are_not_read(core: Core) -> None:
    said = [message("to all"), message("to bob", "bob"), message("to eve", "eve")]
    for connection, expected in (("a", said), ("b", said[:2])):
        core.call(connection, "ReadChat")
        core.answer(steps.ReadChat, ChatHistory(messages=said))
        assert core.answers(connection) == [ChatHistory(messages=expected)]


def test_a_reaction_is_told_once_it_is_kept(core: Core) -> None:
    core.call("b", "ReactToMessage", message_id="m", emoji="👍")
    assert core.effects[-1:] != []
    assert core.events("a") == []
    core.answer(steps.React, Reacted(is_new=True, between=None))
    assert core.events("a") == core.events("b") == ["MessageReaction"]
    assert core.answers("b") == [Empty()]
    core.call("b", "ReactToMessage", message_id="m", emoji="👍")
    core.answer(steps.React, Reacted(is_new=False, between=None))
    assert core.events("a") == ["MessageReaction"]


def test_a_reaction_to_a_private_message_is_told_to_the_two(core: Core) -> None:
    core.call("b", "ReactToMessage", message_id="m", emoji="👍")
    core.answer(steps.React, Reacted(is_new=True, between=(UserId("eve"), UserId("bob"))))
    assert (core.events("a"), core.events("b")) == ([], ["MessageReaction"])
    [publish] = core.of(effects.Publish)
    assert isinstance(publish.message, EventMessage)
    assert publish.message.to == "eve"


def test_a_reaction_that_finds_no_message_or_no_redis_is_refused(core: Core) -> None:
    core.call("b", "ReactToMessage", message_id="m")
    core.answer(steps.React, None)
    core.call("b", "ReactToMessage", message_id="m")
    core.fail(steps.React, AWAY)
    core.call("b", "ReadChat")
    core.fail(steps.ReadChat, AWAY)
    assert core.answers("b") == [NotFound, Unavailable, Unavailable]
