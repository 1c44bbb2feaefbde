"""The test of devices and connection before a meeting."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.async_api import Request, expect

from tests.browser.conftest import Come
from tests.browser.firefox import firefox
from tests.browser.person import PATIENCE, new_room
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
    await ana.page.get_by_text("Your connection is good enough for video").wait_for()
    rows = await ana.page.locator(".check-rows").inner_text()
    for words in ("Server", "Directly, over UDP", "Directly, over TCP", "Upload", "Download"):
        assert words in rows
    assert "Does not work" not in rows
    await ana.page.screenshot(path=pictures / "check.png", full_page=True)
    await ana.button("Copy report").click()
    report = json.loads(await ana.page.evaluate("navigator.clipboard.readText()"))
    assert report["result"]["ways"]["udp"]["is"] == report["result"]["ways"]["tcp"]["is"] == "works"
    assert report["result"]["bandwidth"]["down"] > 300_000
    await ana.button("Back to the meeting").click()
    await ana.button("Join now").wait_for()


async def test_on_a_closed_server_it_takes_a_link(come: Come, base: str) -> None:
    ana = await come("Ana")
    await ana.page.goto(f"{base}/test")
    await expect(ana.button("Back to the meeting")).to_have_count(0)
    await ana.page.route(
        "**/v1/connection-tests", lambda route: route.fulfill(status=401, json={"code": "unauthorized"})
    )
    await ana.button("Test the network").click()
    await ana.page.get_by_text("you need a link to a meeting to test your network").wait_for()
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


async def test_a_relay_is_tested_and_measured(come: Come, tmp_path: Path) -> None:
    with servers.coturn(tmp_path) as turn:
        settings = {"TERTULIA_TURN_URLS": turn.url, "TERTULIA_TURN_SECRET": turn.secret}
        with servers.tertulia_dev(tmp_path, settings=settings) as server:
            ana = await come("Ana")
            await ana.page.goto(f"http://localhost:{server.port}/test")
            await ana.button("Test the network").click()
            relay = ana.page.locator(".check-rows div", has_text="TURN")
            await expect(relay).to_contain_class("works", timeout=PATIENCE)
            await ana.page.locator(".check-verdict .fine-print").wait_for()
            await ana.close()


async def test_firefox_tests_its_connection(base: str, tmp_path: Path) -> None:
    async with firefox(tmp_path) as page:
        await page.goto(f"{base}/test")
        await page.press("Test the network")
        await page.until('document.querySelector(".check-verdict .fine-print")')
        rows = await page.evaluate('document.querySelector(".check-rows").textContent')
        assert "Does not work" not in rows.replace("TCPDoes not work", "")
        assert "Upload" in rows
