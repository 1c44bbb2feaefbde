"""What a hub knows of rooms while SQL is away."""

from __future__ import annotations

from msgspec.structs import replace

from tertulia.contract.settings import Settings
from tertulia.ids import RecordingId, RoomId, SessionId, TenantId, UserId
from tertulia.room import records
from tertulia.room.answers import RoomRecord
from tertulia.room.quotas import Quotas
from tertulia.room.records import KnownRecords, KnownVoid, SharedRecord
from tertulia.tokens import Admission, RoomClaims

ROOM, OURS, THEIRS = RoomId("room"), TenantId("ours"), TenantId("theirs")
SESSION = SessionId("session")
RECORD = RoomRecord(host_user_id=UserId("host"), settings=Settings(), session_id=None, recording=None)
SHARED = SharedRecord.of(OURS, RECORD)


def test_a_record_is_as_it_was_read_and_for_its_tenant_only() -> None:
    known = KnownRecords()
    assert known.find(ROOM, OURS) is None
    known.read(ROOM, known.ask(), OURS, RECORD)
    assert known.find(ROOM, OURS) == known.find(ROOM, None) == RECORD
    assert known.find(ROOM, THEIRS) is None
    known.gone(ROOM, known.ask(), THEIRS)
    assert known.find(ROOM, OURS) == RECORD
    known.gone(ROOM, known.ask(), OURS)
    assert known.find(ROOM, OURS) is None


def test_a_room_that_is_gone_comes_back_by_no_older_reading() -> None:
    known = KnownRecords()
    before, asked, after = known.ask(), known.ask(), known.ask()
    known.gone(ROOM, asked, None)
    known.read(ROOM, before, OURS, RECORD)
    assert known.find(ROOM, OURS) is None
    known.read(ROOM, after, OURS, RECORD)
    known.gone(ROOM, asked, None)
    assert known.find(ROOM, OURS) == RECORD, "it was made since"


def test_a_session_that_this_hub_opens_or_closes_is_known() -> None:
    known = KnownRecords()
    known.opened(ROOM, SESSION)
    known.read(ROOM, known.ask(), OURS, RECORD)
    known.opened(ROOM, SESSION)
    found = known.find(ROOM, OURS)
    assert found is not None
    assert found.session_id == SESSION
    known.closed(ROOM, SessionId("another"))
    assert known.find(ROOM, OURS) == found
    known.closed(ROOM, SESSION)
    assert known.find(ROOM, OURS) == RECORD


def test_another_session_has_another_recording() -> None:
    known = KnownRecords()
    known.read(ROOM, known.ask(), OURS, replace(RECORD, session_id=SESSION, recording=RecordingId("recording")))
    known.opened(ROOM, SessionId("another"))
    found = known.find(ROOM, OURS)
    assert found is not None
    assert found.recording is None


def test_a_change_of_the_settings_is_known() -> None:
    known = KnownRecords()
    known.changed(ROOM, Settings(locked=True))
    assert known.find(ROOM, OURS) is None
    known.read(ROOM, known.ask(), OURS, RECORD)
    known.changed(ROOM, Settings(locked=True))
    assert known.find(ROOM, OURS) == replace(RECORD, settings=Settings(locked=True))


def claims(user: str, admission: Admission, tenant: TenantId = OURS) -> RoomClaims:
    return RoomClaims(
        user_id=UserId(user),
        room_id=ROOM,
        role="attendee",
        tenant_id=tenant,
        display_name="Ann",
        region=None,
        admission=admission,
        expires_at=1,
    )


def test_a_ban_is_of_a_guest_and_a_revoked_key_of_all_for_whom_it_vouched() -> None:
    guest, vouched = Admission(1, is_guest=True), Admission(1, key_id="key")
    void = KnownVoid()
    void.ban(OURS, UserId("ann"))
    assert claims("ann", guest) in void
    assert claims("ann", guest, THEIRS) not in void
    assert claims("ann", vouched) not in void
    void.refused(claims("bob", guest))
    void.refused(claims("ann", vouched))
    assert claims("bob", Admission(2, is_guest=True)) in void
    assert claims("eve", Admission(2, key_id="key")) in void
    assert claims("ann", Admission(1, key_id="another")) not in void


def test_the_ban_that_was_heard_of_first_is_forgotten_first() -> None:
    guest = Admission(1, is_guest=True)
    void = KnownVoid()
    for number in range(records.MOST):
        void.ban(OURS, UserId(str(number)))
    void.ban(OURS, UserId("0"))
    void.ban(OURS, UserId("ann"))
    assert claims("0", guest) in void
    assert claims("1", guest) not in void


def test_the_least_used_goes_first() -> None:
    known = KnownRecords()
    for number in range(records.MOST):
        known.read(RoomId(str(number)), known.ask(), OURS, RECORD)
    assert known.find(RoomId("0"), OURS) == RECORD
    known.read(ROOM, known.ask(), OURS, RECORD)
    assert known.find(RoomId("1"), OURS) is None
    assert known.find(RoomId("0"), OURS) == RECORD


def test_what_was_asked_before_a_change_is_older() -> None:
    known = KnownRecords()
    known.read(ROOM, known.ask(), OURS, RECORD)
    asked = known.ask()
    known.changed(ROOM, Settings(locked=True))
    known.read(ROOM, asked, OURS, RECORD)
    assert known.find(ROOM, OURS) == replace(RECORD, settings=Settings(locked=True))
    first, second = known.ask(), known.ask()
    known.read(ROOM, second, OURS, replace(RECORD, settings=Settings(chat="host")))
    known.read(ROOM, first, OURS, RECORD)
    assert known.find(ROOM, OURS) == replace(RECORD, settings=Settings(chat="host"))


def test_a_session_that_was_opened_or_closed_is_newer_than_what_was_asked_before() -> None:
    known = KnownRecords()
    known.read(ROOM, known.ask(), OURS, RECORD)
    asked = known.ask()
    known.opened(ROOM, SESSION)
    known.read(ROOM, asked, OURS, RECORD)
    opened = replace(RECORD, session_id=SESSION)
    assert known.find(ROOM, OURS) == opened
    asked = known.ask()
    known.closed(ROOM, SESSION)
    known.read(ROOM, asked, OURS, opened)
    assert known.find(ROOM, OURS) == RECORD


def test_a_session_that_was_opened_or_closed_says_nothing_of_the_settings() -> None:
    known = KnownRecords()
    known.read(ROOM, known.ask(), OURS, RECORD)
    changed = replace(RECORD, settings=Settings(locked=True))
    asked = known.ask()
    known.opened(ROOM, SESSION)
    known.read(ROOM, asked, OURS, changed)
    assert known.find(ROOM, OURS) == replace(changed, session_id=SESSION)
    asked = known.ask()
    known.closed(ROOM, SESSION)
    known.read(ROOM, asked, OURS, replace(RECORD, session_id=SESSION, removals={UserId("bob"): 1}))
    assert known.find(ROOM, OURS) == RECORD


def test_what_redis_may_not_have_is_kept_in_mind() -> None:
    known = KnownRecords()
    known.kept(ROOM, SHARED)
    known.not_kept(ROOM)
    known.read(ROOM, known.ask(), OURS, RECORD)
    assert known.ahead() == [], "whoever joined the room has written that"
    known.not_kept(ROOM)
    assert known.ahead() == [ROOM]
    known.kept(ROOM, SHARED)
    known.changed(ROOM, Settings(locked=True))
    assert known.ahead() == [ROOM]
    known.kept(ROOM, SHARED)
    assert known.ahead() == [ROOM], "it was changed since"
    known.kept(ROOM, replace(SHARED, settings=Settings(locked=True)))
    assert known.ahead() == []
    known.read_quotas(ROOM, OURS, Quotas(people=3))
    assert known.ahead() == [ROOM]
    known.read(ROOM, known.ask(), OURS, RECORD)
    known.kept(ROOM, SHARED)
    assert known.ahead() == []
    known.read(ROOM, known.ask(), OURS, replace(RECORD, settings=Settings(locked=True)))
    assert known.ahead() == [ROOM]
    known.gone(ROOM, known.ask(), OURS)
    assert known.ahead() == []


def test_settings_that_redis_may_not_have_are_not_replaced_by_older_ones() -> None:
    known = KnownRecords()
    known.read(ROOM, known.ask(), OURS, RECORD)
    known.changed(ROOM, Settings(locked=True))
    assert known.heard(ROOM, SHARED).settings == Settings(locked=True)
    known.kept(ROOM, replace(SHARED, settings=Settings(locked=True)))
    assert known.heard(ROOM, SHARED).settings == Settings(), "another hub has changed them back"


def test_what_redis_has_counts_for_the_settings_and_where_nothing_else_is_known() -> None:
    shared = SharedRecord(
        tenant_id=OURS, host_user_id=UserId("host"), settings=Settings(locked=True), quotas=Quotas(people=3)
    )
    known = KnownRecords()
    assert known.shared(ROOM) is None
    heard = known.heard(ROOM, shared)
    assert heard == replace(RECORD, settings=Settings(locked=True), quotas=Quotas(people=3))
    assert known.find(ROOM, OURS) == heard
    assert known.find(ROOM, THEIRS) is None
    assert known.shared(ROOM) == shared
    read = replace(RECORD, session_id=SESSION)
    known = KnownRecords()
    known.read(ROOM, known.ask(), OURS, read)
    assert known.heard(ROOM, shared) == replace(read, settings=Settings(locked=True))
    assert known.find(ROOM, OURS) == read, "what SQL has said stays"
