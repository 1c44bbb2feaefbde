from tertulia.ids import RoomId
from tertulia.sfu.troubles import AGAIN_SECONDS, FOR_SECONDS, Troubles

ONE, TWO = RoomId("one"), RoomId("two")


def test_a_room_is_told_again_until_the_recording_is_stopped() -> None:
    troubles: Troubles[str] = Troubles()
    troubles.told(ONE, "r1", "of one")
    troubles.told(TWO, "r2", "of two")
    assert troubles.due(0.0) == []
    assert troubles.due(AGAIN_SECONDS - 0.1) == []
    assert troubles.due(AGAIN_SECONDS) == ["of one", "of two"]
    assert troubles.due(AGAIN_SECONDS + 1) == []
    troubles.over(ONE, "another")
    troubles.over(TWO, "r2")
    assert troubles.due(2 * AGAIN_SECONDS) == ["of one"]
    troubles.over(ONE)
    troubles.over(ONE)
    assert troubles.due(9 * AGAIN_SECONDS) == []


def test_nobody_is_told_for_ever() -> None:
    troubles: Troubles[str] = Troubles()
    troubles.told(ONE, "r1", "of one")
    told = [at for at in range(3 * int(FOR_SECONDS)) if troubles.due(float(at))]
    assert len(told) == FOR_SECONDS // AGAIN_SECONDS
