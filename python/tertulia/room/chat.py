"""What people write: told at once, and kept in Redis for those who come later.

Nobody waits for Redis to be told something. What was said while Redis did not answer is not kept.
"""

from __future__ import annotations

import itertools

from tertulia import times
from tertulia.contract import calls
from tertulia.contract.events import ChatHistory, ChatMessage
from tertulia.errors import NotFound
from tertulia.ids import ConnectionId, UserId
from tertulia.room import events, steps, targets
from tertulia.room.answers import Reacted
from tertulia.room.effects import Refuse, Reply
from tertulia.room.pending import KeepingChat, Reacting, ReadingChat
from tertulia.room.permissions import check_chat
from tertulia.room.room import Room
from tertulia.room.seat import Lost, Seated

Seat = Seated | Lost


class Chat:
    """SendChat, ReadChat, ReactToMessage."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._name = room.hub.names.token()
        self._numbers = itertools.count(1)  # with the above a message's id: no randomness has to be fetched for each

    # --- what is said

    def say(self, seat: Seat, payload: calls.SendChat, at: float) -> None:
        """Tell everyone, or the two of them. ``at``: in Unix seconds.

        Raises:
            UnknownTarget
            Forbidden: the caller may write to hosts only.
        """
        room, target = self._room, None
        if payload.target_user_id is not None:
            target = targets.other_member(payload.target_user_id, seat.user_id, room.members)
        check_chat(room.members[seat.user_id], target, room.life_of_seats.settings)
        message = ChatMessage(
            id=f"{self._name}-{next(self._numbers)}",
            user_id=seat.user_id,
            display_name=room.members[seat.user_id].display_name,
            text=payload.text,
            sent_at=times.rfc3339(times.from_seconds(at)),
            private=target is not None,
            target_user_id=target.user_id if target is not None else None,
            client_id=payload.client_id,
        )
        event = events.chat_message(message)
        if target is None:
            room.say(event)
        else:
            room.tell(target, event)
            room.audience.tell_seat(seat, event)
        room.life_of_seats.unkept.append(message)
        if not room.agenda.is_pending(KeepingChat):  # else they follow together: a busy room costs no more scripts
            self._keep()

    # --- what is kept

    def _keep(self) -> None:
        life = self._room.life_of_seats
        messages = list(life.unkept)
        life.unkept.clear()
        step = steps.KeepChat(session_id=life.session_id, messages=messages)
        self._room.agenda.run(step, KeepingChat(len(messages)))

    def kept(self) -> None:
        """Redis has them, or the meeting that they were said in is over."""
        if self._room.life is not None and self._room.life.unkept:
            self._keep()

    def keep_failed(self, work: KeepingChat, error: Exception) -> None:
        """They were told, but nobody will read them later."""
        self._room.agenda.warn("chat messages are not kept", count=work.count, error=str(error))
        self.kept()

    def _keep_all(self) -> None:
        """Have what waits kept before the next step."""
        if self._room.life_of_seats.unkept:
            self._keep()

    def read(self, seat: Seat) -> None:
        """Answer with what is kept, and what is being kept: this hub's steps of a room are carried out in order."""
        self._keep_all()
        step = steps.ReadChat(session_id=self._room.life_of_seats.session_id)
        self._room.agenda.run(step, ReadingChat(seat.connection, seat.user_id))

    def was_read(self, work: ReadingChat, history: ChatHistory) -> None:
        """Redis has answered."""
        messages = [message for message in history.messages if message.is_for(work.user_id)]
        self._room.agenda.effects.append(Reply(work.connection, ChatHistory(messages=messages)))

    # --- reactions

    def react(self, seat: Seat, payload: calls.ReactToMessage) -> None:
        """Set the caller's reaction to a message, be it the last one."""
        self._keep_all()
        step = steps.React(
            session_id=self._room.life_of_seats.session_id,
            message_id=payload.message_id,
            user=seat.user_id,
            emoji=payload.emoji,
        )
        work = Reacting(seat.connection, seat.user_id, payload.message_id, payload.emoji)
        self._room.agenda.run(step, work)

    def reacted(self, work: Reacting, reacted: Reacted | None) -> None:
        """Redis has the reaction, or no such message."""
        if reacted is None:
            self._refuse(work.connection, NotFound("this message is not known, or not kept any more"))
            return
        if reacted.is_new:
            self._tell_reaction(work, reacted.between)
        self._room.agenda.effects.append(Reply(work.connection))

    def _tell_reaction(self, work: Reacting, between: tuple[UserId, UserId] | None) -> None:
        room = self._room
        event = events.message_reaction(work.message_id, work.user_id, work.emoji)
        if between is None:
            room.say(event)
            return
        for user in between:
            member = room.members.get(user)
            if member is not None:
                room.tell(member, event)

    def failed(self, work: ReadingChat | Reacting, error: Exception) -> None:
        """Redis is away."""
        self._refuse(work.connection, error)

    def _refuse(self, connection: ConnectionId, error: Exception) -> None:
        self._room.agenda.effects.append(Refuse(connection, error))
