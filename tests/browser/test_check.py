"""The test of devices and connection before a meeting."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from playwright.async_api import Request, Route, expect

from tests.browser.chromium import COUNT_QUESTIONS
from tests.browser.conftest import Come
from tests.browser.firefox import KEEP_COPIED, firefox
from tests.browser.person import new_room
from tests.browser.test_comfort import REFUSE
from tests.integration import servers

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_connection_is_tested_before_a_meeting(come: Come, base: str, pictures: Path) -> None:
    room = new_room(base)
    ana = await come("Ana", permissions=["clipboard-read", "clipboard-write"])
    await ana.page.goto(room.link)
    await ana.button("Test your connection").click()
    await expect(ana.page).to_have_url(f"{base}/test")
    await ana.button("Play a test sound").click()
    await ana.button("Test the network").click()
    await ana.page.locator(".check-verdict .fine-print").wait_for()
    rows = await ana.page.locator(".check-rows").inner_text()
    for words in ("Server", "Directly, over UDP", "Directly, over TCP", "Upload", "Download"):
        assert words in rows
    assert "Does not work" not in rows
    await ana.page.screenshot(path=pictures / "check.png", full_page=True)
    await ana.button("Copy report").click()
    await ana.hears("Report copied.")
    report = json.loads(await ana.page.evaluate("navigator.clipboard.readText()"))
    assert report["result"]["ways"]["udp"]["is"] == report["result"]["ways"]["tcp"]["is"] == "works"
    assert report["result"]["bandwidth"]["down"] > 300_000
    await ana.button("Back to the meeting").click()
    await ana.button("Join now").wait_for()


async def test_on_a_closed_server_it_takes_a_link(come: Come, base: str) -> None:
    ana = await come("Ana")
    await ana.page.goto(f"{base}/test")
    await ana.page.route(
        "**/v1/connection-tests", lambda route: route.fulfill(status=401, json={"code": "unauthorized"})
    )
    await ana.button("Test the network").click()
    await ana.page.get_by_text("you need a link to a meeting to test your network").wait_for()
    await expect(ana.button("Back to the meeting")).to_have_count(0)
    ana.trouble.clear()  # the browser writes down the 401


async def test_it_is_done_by_what_one_would_join_with_which_the_history_does_not_keep(come: Come, base: str) -> None:
    room = new_room(base)
    ana = await come("Ana")
    await ana.page.goto(room.host_link)
    await ana.button("Test your connection").click()

    async def bearer() -> str | None:
        def is_it(request: Request) -> bool:
            return request.url.endswith("/v1/connection-tests")

        async with ana.page.expect_request(is_it) as asked:
            await ana.button("Test the network").click()
        return (await asked.value).headers.get("authorization")

    assert await bearer() == f"Bearer {room.join_token}"
    assert room.join_token not in await ana.page.evaluate("JSON.stringify(history.state) + location.href")
    await ana.page.reload()
    assert await bearer() == f"Bearer {room.join_token}"
    await ana.button("Back to the meeting").click()
    await ana.button("Join now").wait_for()


async def test_the_way_there_and_back_asks_for_devices_once(come: Come, base: str) -> None:
    ana = await come("Ana")
    await ana.page.add_init_script(COUNT_QUESTIONS)
    await ana.page.goto(new_room(base).link)
    await ana.page.locator(".mirror video").wait_for()
    await ana.button("Test your connection").click()
    await ana.page.locator(".check .mirror video").wait_for()
    await ana.button("Turn microphone off").click()
    await ana.page.go_back()
    await ana.button("Turn microphone on").wait_for()
    await ana.page.locator(".mirror video").wait_for()
    assert await ana.page.evaluate("window.questions") == [["audio", "video"]]
    await ana.button("Join now").click()
    await ana.button("Unmute").wait_for()
    await ana.sees("Ana (you)")


async def test_one_that_could_not_be_loaded_leads_back_only_whoever_still_waits_for_it(come: Come, base: str) -> None:
    room = new_room(base)
    ana = await come("Ana")
    goes_on = asyncio.Event()

    async def never_comes(route: Route) -> None:
        await goes_on.wait()
        await route.abort()

    await ana.page.route("**/view/check/screen.js", never_comes)
    await ana.page.goto(room.link)
    for is_back in (True, False):
        await ana.button("Test your connection").click()
        await expect(ana.page).to_have_url(f"{base}/test")
        await expect(ana.page.locator(".lobby[inert]")).to_have_count(1)  # else one could join there
        if is_back:
            await ana.page.go_back()
            await expect(ana.page.locator(".lobby:not([inert])")).to_have_count(1)
    goes_on.set()
    await ana.hears("The server does not answer. Check your connection and try again.")
    await expect(ana.page.locator(".lobby:not([inert])")).to_have_count(1)
    await expect(ana.page).to_have_url(room.link)
    ana.trouble.clear()  # the browser writes down what did not come


async def test_who_goes_back_past_the_lobby_is_not_shown_it(come: Come, base: str) -> None:
    ana = await come("Ana")
    await ana.page.goto(base)
    await ana.button("New meeting").click()
    await ana.button("Test your connection").click()
    await ana.button("Test the network").wait_for()
    await ana.page.evaluate("history.go(-2)")
    await ana.button("New meeting").wait_for()


async def test_a_device_that_worked_meanwhile_is_not_said_to_be_refused(come: Come, base: str) -> None:
    ana = await come("Ana")
    await ana.page.add_init_script(REFUSE)
    await ana.page.goto(new_room(base).link)
    refusal = ana.page.locator(".preview .trouble:not([hidden])")
    await refusal.wait_for()
    await ana.page.evaluate("window.isRefused = false")
    for button in ("Turn microphone on", "Turn camera on", "Turn camera off"):
        await ana.button(button).click()
    await ana.button("Turn camera on").wait_for()
    await expect(refusal).to_have_count(0)
    await ana.button("Test your connection").click()
    await ana.button("Test the network").wait_for()
    await expect(ana.button("Turn microphone off")).to_be_visible()
    assert await refusal.count() == 0


async def test_in_firefox_too(base: str, tmp_path: Path) -> None:
    async with firefox(tmp_path) as page:
        await page.prepare(COUNT_QUESTIONS)
        await page.goto(new_room(base).link)
        shown = "document.querySelector('{} .mirror video')?.videoWidth > 0"
        await page.until(shown.format(".lobby"))
        await page.press("Test your connection")
        await page.until(shown.format(".check"))
        await page.press("Back to the meeting")
        await page.until("document.querySelector('.ready') && " + shown.format(".lobby"))
        assert await page.evaluate("window.questions") == [["audio", "video"]]


async def test_a_relay_is_tested_and_measured(come: Come, tmp_path: Path) -> None:
    with servers.coturn(tmp_path) as turn:
        settings = {"TERTULIA_TURN_URLS": turn.url, "TERTULIA_TURN_SECRET": turn.secret}
        with servers.tertulia_dev(tmp_path, settings=settings) as server:
            ana = await come("Ana")
            await ana.page.goto(f"http://localhost:{server.port}/test")
            await ana.button("Test the network").click()
            relay = ana.page.locator(".check-rows div", has_text="TURN")
            await expect(relay).to_contain_class("works")
            await ana.page.locator(".check-verdict .fine-print").wait_for()
            await ana.close()


async def test_firefox_tests_its_connection(base: str, tmp_path: Path) -> None:
    async with firefox(tmp_path) as page:
        await page.prepare(KEEP_COPIED)
        await page.goto(f"{base}/test")
        await page.press("Test the network")
        await page.until('document.querySelector(".check-verdict .fine-print")')
        rows = await page.evaluate('document.querySelector(".check-rows").textContent')
        assert "Does not work" not in rows.replace("TCPDoes not work", "")
        assert "Upload" in rows
        await page.press("Copy report")
        report = json.loads(await page.until("window.copied"))
        assert report["result"]["ways"]["udp"]["is"] == "works"
        assert report["result"]["bandwidth"]["down"] > 300_000
