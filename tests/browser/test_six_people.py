"""Six people: everyone sees and hears everyone."""

from __future__ import annotations

import asyncio

import pytest

from tests.browser.conftest import Come
from tests.browser.person import new_room

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAMES = ("Ana", "Ben", "Caro", "Dan", "Eva", "Finn")


@pytest.mark.timeout(400)
async def test_everyone_sees_and_hears_everyone(come: Come, base: str) -> None:
    room = new_room(base)
    people = [await come(name) for name in NAMES]
    for person in people:
        await person.join(room.link)
    await asyncio.gather(*(p.sees(*(n for n in NAMES if n != p.name)) for p in people))
    await asyncio.gather(*(p.decodes(5) for p in people))
    # Four voices at once have a slot; everyone's beep comes through some of them.
    await asyncio.gather(*(p.hears_tones(4) for p in people))
    await people[2].leave()
    rest = [p for p in people if p is not people[2]]
    await asyncio.gather(*(p.sees_tiles(5) for p in rest))
    await asyncio.gather(*(p.decodes(4) for p in rest))
    await people[2].page.get_by_role("button", name="Join again").click()
    await people[2].page.get_by_role("button", name="Join now").click()
    await people[2].sees(*(n for n in NAMES if n != "Caro"))
    await asyncio.gather(*(p.sees("Caro") for p in rest))
