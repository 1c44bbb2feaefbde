"""What a hub knows of rooms while SQL is away."""

from __future__ import annotations

from msgspec.structs import replace

from tertulia.contract.settings import Settings
from tertulia.ids import RecordingId, RoomId, SessionId, TenantId, UserId
from tertulia.room import records
from tertulia.room.answers import RoomRecord
from tertulia.room.records import KnownRecords, KnownVoid
from tertulia.tokens import Admission, RoomClaims

ROOM, OURS, THEIRS = RoomId("room"), TenantId("ours"), TenantId("theirs")
SESSION = SessionId("session")
RECORD = RoomRecord(host_user_id=UserId("host"), settings=Settings(), session_id=None, recording=None)


def test_a_record_is_as_it_was_read_and_for_its_tenant_only() -> None:
    known = KnownRecords()
    assert known.find(ROOM, OURS) is None
    known.read(ROOM, OURS, RECORD)
    known.read(ROOM, None, RECORD)
    assert known.find(ROOM, OURS) == known.find(ROOM, None) == RECORD
    assert known.find(ROOM, THEIRS) is None
    known.gone(ROOM)
    assert known.find(ROOM, OURS) is None


def test_a_session_that_this_hub_opens_or_closes_is_known() -> None:
    known = KnownRecords()
    known.opened(ROOM, SESSION)
    known.read(ROOM, OURS, RECORD)
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
    known.read(ROOM, OURS, replace(RECORD, session_id=SESSION, recording=RecordingId("recording")))
    known.opened(ROOM, SessionId("another"))
    found = known.find(ROOM, OURS)
    assert found is not None
    assert found.recording is None


def test_a_change_of_the_settings_is_known() -> None:
    known = KnownRecords()
    known.changed(ROOM, Settings(locked=True))
    assert known.find(ROOM, OURS) is None
    known.read(ROOM, OURS, RECORD)
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
        known.read(RoomId(str(number)), OURS, RECORD)
    assert known.find(RoomId("0"), OURS) == RECORD
    known.read(ROOM, OURS, RECORD)
    assert known.find(RoomId("1"), OURS) is None
    assert known.find(RoomId("0"), OURS) == RECORD
