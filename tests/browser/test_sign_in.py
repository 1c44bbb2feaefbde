"""Signing in at a real provider from the page of meetings."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import Come
from tests.browser.firefox import Failed, Page, firefox
from tests.browser.person import Person
from tests.browser.test_accessibility import violations
from tests.browser.test_languages import CATALOGUE, all_is_from_the_catalogue, mark_the_catalogue
from tests.integration import servers
from tests.integration.oidc.site import Site, site

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A web worker of one tenant that signs in at a provider."""
    directory = tmp_path_factory.mktemp("sign-in")
    with ExitStack() as stack:
        _, redis = stack.enter_context(servers.embedded_valkey(directory))
        yield stack.enter_context(site(directory, redis, f"sqlite:///{directory / 'test.db'}"))


async def sign_in(person: Person, there: Site, name: str) -> None:
    page = person.page
    await page.goto(f"{there.rest.web.url}/meetings")
    await person.button("Sign in").click()
    await page.wait_for_url(f"{there.provider.issuer}/**")
    await page.locator("[name=login]").fill(name)
    await page.locator("[name=password]").fill("any")
    await page.locator("[type=submit]").click()
    await page.get_by_role("button", name="Continue").click()
    await page.wait_for_url(f"{there.rest.web.url}/meetings")
    await page.locator(".desk-nav").wait_for()


def forgive(person: Person) -> None:
    """The browser itself writes to the console what the API refuses, and what the provider's own page does not have."""
    person.trouble.clear()


async def test_somebody_signs_in_makes_a_meeting_joins_it_and_signs_out(come: Come, there: Site) -> None:
    ana = await come("Ana")
    page = ana.page
    await sign_in(ana, there, "ana")
    await page.get_by_text("Signed in as Ana acme").wait_for()
    await page.get_by_text("There are no meetings to show.").wait_for()
    await ana.button("New meeting").click()
    await page.get_by_role("dialog").get_by_label("Title").fill("Mine")
    await ana.press("Enter")
    await page.get_by_role("heading", name="Mine").wait_for()
    room = page.url.split("#")[1]
    user = there.rest.ok("GET", f"/v1/rooms/{room}")["hostUserId"]
    assert there.rest.ok("GET", f"/v1/users/{user}")["email"] == "ana@acme.example"
    await page.reload()
    await page.get_by_role("heading", name="Mine").wait_for()
    # Somebody has the host's seat: it is not taken unasked.
    with there.rest.joined(room, there.rest.token(room, user)):
        await page.get_by_text("1 person").wait_for()
        await ana.button("Join as host").click()
        question = page.get_by_role("dialog", name="Join here instead?")
        await question.get_by_text("You are in this meeting already").wait_for()
        await question.get_by_role("button", name="Cancel").click()
        assert page.url.endswith(f"/meetings#{room}")
        await ana.button("Sign out").click()
    await ana.button("Sign in").wait_for()
    await expect(page.get_by_label("API key")).to_be_visible()
    await page.reload()
    await ana.button("Sign in").wait_for()
    forgive(ana)


async def arrives(page: Page, condition: str) -> None:
    """Wait until a page is there, whichever was before: :meth:`Page.until` stays with one."""
    async with asyncio.timeout(60):
        while True:
            try:
                async with asyncio.timeout(5):
                    if await page.evaluate(f"Boolean({condition})"):
                        return
            except (TimeoutError, Failed):
                pass  # the page went away while it was asked
            await asyncio.sleep(0.1)


async def test_firefox_signs_in(there: Site, tmp_path: Path) -> None:
    async with firefox(tmp_path) as page:
        await page.goto(f"{there.rest.web.url}/meetings")
        await arrives(page, 'document.querySelector(".key-form [type=submit]")')
        await page.evaluate('document.querySelector(".key-form [type=submit]").click()')
        await arrives(page, 'document.querySelector("[name=login]")')
        login = 'const form = document.querySelector("form"); form.login.value = "fay"; form.password.value = "any";'
        await page.evaluate(f"(() => {{ {login} form.querySelector('[type=submit]').click(); }})()")
        await arrives(page, 'location.pathname !== "/meetings" && !document.querySelector("[name=login]")')
        await page.evaluate('document.querySelector("[type=submit]").click()')
        await arrives(page, 'location.pathname === "/meetings" && document.querySelector(".desk-nav")')
        await page.says("Signed in as")
        # A link on another site is one for whoever signs in there, and takes a click.
        await page.goto(f"data:text/html,<a href='{there.rest.web.url}/sign-in'>Sign in</a>")
        await page.evaluate('document.querySelector("a").click()')
        await arrives(page, 'location.pathname === "/meetings" && document.querySelector(".desk-nav")')
        await page.says("Signed in as")


async def test_what_went_wrong_is_said_and_keys_go_on_working(come: Come, there: Site) -> None:
    ana = await come("Ana")
    page = ana.page
    await page.goto(f"{there.rest.web.url}/meetings?sign-in=unreachable#nodes")
    await page.get_by_role("alert").get_by_text("Your organization’s sign-in does not answer.").wait_for()
    assert page.url.endswith("/meetings#nodes")
    await page.get_by_label("API key").fill(there.rest.key)
    await ana.press("Enter")
    await ana.button("Forget the key").wait_for()
    await sign_in_again(ana)
    await sign_in(ana, there, "ana")
    there.command("tenant", "sign-out", "first")
    await page.reload()
    await page.get_by_role("heading", name="Your meetings").wait_for()
    forgive(ana)


async def test_a_link_elsewhere_takes_a_click(come: Come, there: Site) -> None:
    ana = await come("Ana")
    page = ana.page

    async def elsewhere(route: Route) -> None:
        link = f"<a href='{there.rest.web.url}/sign-in?organisation=second'>Sign in</a>"
        await route.fulfill(body=link, content_type="text/html")

    there.set_up(tenant="second")
    try:
        await page.route("http://elsewhere.test/", elsewhere)
        await page.goto("http://elsewhere.test/")
        await page.get_by_role("link").click()
        await expect(page.get_by_label("Organization")).to_have_value("second")
        assert page.url == f"{there.rest.web.url}/meetings"
        await expect(ana.button("Sign in")).to_be_focused()
        assert [cookie["name"] for cookie in await page.context.cookies(there.rest.web.url)] == []
        await ana.press("Enter")
        await page.wait_for_url(f"{there.provider.issuer}/**")
    finally:
        there.command("tenant", "sign-in", "second", "--off")
    forgive(ana)


async def sign_in_again(person: Person) -> None:
    await person.button("Forget the key").click()
    await person.button("Sign in").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_both_screens_are_accessible_and_say_nothing_but_texts(come: Come, there: Site, scheme: str) -> None:
    ana = await come("Ana", viewport={"width": 320, "height": 640}, color_scheme=scheme, reduced_motion="reduce")
    page = ana.page
    await mark_the_catalogue(page)
    await page.goto(f"{there.rest.web.url}/meetings?sign-in=denied")
    await page.get_by_role("alert").wait_for()
    await all_is_from_the_catalogue(ana)
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    assert await violations(page) == []
    await page.unroute(CATALOGUE)
    await sign_in(ana, there, "a" * 40)
    await page.get_by_text("Signed in as").wait_for()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    assert await violations(page) == []
    forgive(ana)
