"""One Chromium and one ``tertulia dev`` for all browser tests; each test has rooms and people of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from tests.browser import chromium
from tests.browser.person import PATIENCE, Person
from tests.integration import servers

Come = Callable[..., Awaitable[Person]]

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Tertulia]:
    with servers.tertulia_dev(tmp_path_factory.mktemp("browser-server")) as started:
        yield started


@pytest.fixture
def base(server: servers.Tertulia) -> str:
    """The server's origin, by the name that makes it a secure context."""
    return f"http://localhost:{server.port}"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        launched = await chromium.launch(playwright)
        yield launched
        await launched.close()


@pytest_asyncio.fixture(loop_scope="session")
async def come(browser: Browser) -> AsyncIterator[Come]:
    """Makes people. At the end nobody's page may have had an error."""
    people: list[Person] = []

    async def one(name: str, **options: Any) -> Person:
        person = await Person.come(browser, name, **options)
        people.append(person)
        return person

    yield one
    for person in people:
        await person.close()
    assert {person.name: person.trouble for person in people if person.trouble} == {}


@pytest.fixture(scope="session")
def pictures(pytestconfig: pytest.Config) -> Path:
    return chromium.pictures(pytestconfig.rootpath)
