from tertulia.places import Places


def test_so_many_at_once_in_all_and_from_one_address() -> None:
    places = Places(3, 2)
    first, second = places.enter("192.0.2.1"), places.enter("192.0.2.1")
    assert first is not None
    assert second is not None
    assert places.enter("192.0.2.1") is None
    third = places.enter("192.0.2.2")
    assert third is not None
    assert places.enter("192.0.2.3") is None
    first.leave()
    first.leave()
    assert places.count == 2
    assert places.enter("192.0.2.1") is not None
    assert places.enter("192.0.2.1") is None


def test_a_network_of_ipv6_is_one_address() -> None:
    places = Places(10, 1)
    assert places.enter("2001:db8::1") is not None
    assert places.enter("2001:db8::ffff:2") is None
    assert places.enter("2001:db8:0:1::1") is not None


def test_zero_is_any_number() -> None:
    places = Places(0, 0)
    assert all(places.enter("192.0.2.1") for _ in range(10_000))


def test_what_has_no_address_counts_in_all() -> None:
    places = Places(2, 1)
    first, second = places.enter_anyhow(), places.enter_anyhow()
    assert first is not None
    assert second is not None
    assert places.enter_anyhow() is places.enter("192.0.2.1") is None
    first.leave()
    assert places.enter("192.0.2.1") is not None


def test_beyond_a_half_it_is_crowded() -> None:
    places = Places(100, 4)
    here = [places.enter("192.0.2.1") for _ in range(3)]
    other = places.enter("192.0.2.2")
    assert here[0] is not None
    assert other is not None
    assert places.is_crowded(here[0])
    assert not places.is_crowded(other)
    here[0].leave()
    assert not places.is_crowded(here[0])
    free = Places(0, 0)
    place = free.enter("192.0.2.1")
    assert place is not None
    assert not free.is_crowded(place)
