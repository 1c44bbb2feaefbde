from tertulia.sockets.lobby import Lobby


def test_so_many_at_once_in_all_and_from_one_address() -> None:
    lobby = Lobby(3, 2)
    first, second = lobby.enter("192.0.2.1"), lobby.enter("192.0.2.1")
    assert first is not None
    assert second is not None
    assert lobby.enter("192.0.2.1") is None
    third = lobby.enter("192.0.2.2")
    assert third is not None
    assert lobby.enter("192.0.2.3") is None
    first.leave()
    first.leave()
    assert lobby.count == 2
    assert lobby.enter("192.0.2.1") is not None
    assert lobby.enter("192.0.2.1") is None


def test_a_network_of_ipv6_is_one_address() -> None:
    lobby = Lobby(10, 1)
    assert lobby.enter("2001:db8::1") is not None
    assert lobby.enter("2001:db8::ffff:2") is None
    assert lobby.enter("2001:db8:0:1::1") is not None


def test_zero_is_any_number() -> None:
    lobby = Lobby(0, 0)
    assert all(lobby.enter("192.0.2.1") for _ in range(10_000))
