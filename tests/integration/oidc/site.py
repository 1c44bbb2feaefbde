"""A web worker with two tenants, the first of which signs in at a provider that is there, too."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock
from urllib.parse import urljoin

import httpx
import pytest

from tertulia import cli
from tests.integration import servers
from tests.integration.rest.conftest import Rest, started

CLIENT, SECRET = "tertulia", "a secret: with + and %"
ADMINISTRATORS = "groups=meeting-admins"
OURS = {"Sec-Fetch-Site": "same-origin"}
"""What a browser says of a page of this server."""
_FIELDS = re.compile(r'name="(\w+)"[^>]*value="([^"]*)"')
_ACTION = re.compile(r'action="([^"]+)"')


@dataclass
class Provider:
    """npm's oidc-provider: any name signs in."""

    server: servers.Server
    port: int

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def provider(directory: Path, port: int, redirect_uris: Sequence[str], secret: str = SECRET) -> Iterator[Provider]:
    """The provider at a port, with one client. It listens at once when it says so."""
    argv = ["node", str(Path(__file__).parent / "provider.mjs"), str(port), CLIENT, secret, *redirect_uris]
    with servers.running("oidc-provider", argv, directory) as server:
        server.wait_for_log("the provider listens")
        yield Provider(server, port)


@dataclass
class Site:
    """Both, and what they were started with."""

    rest: Rest
    provider: Provider
    _browsers: list[Browser] = field(default_factory=list)

    def set_up(self, *arguments: str, tenant: str = "first", secret: str = SECRET) -> str:
        """``tertulia tenant sign-in`` with the provider."""
        secret_file = self.rest.storage / "secret"
        secret_file.write_text(f"{secret}\n")
        issuer = ("--issuer", self.provider.issuer, "--client-id", CLIENT, "--secret-file", str(secret_file))
        return self.command("tenant", "sign-in", tenant, *issuer, "--administrators", ADMINISTRATORS, *arguments)

    def command(self, *arguments: str, status: int = 0) -> str:
        """What a command prints. It runs in this process: there are many."""
        with ThreadPoolExecutor(1) as thread:  # a test may have a loop running
            ended, printed = thread.submit(_run, self.rest.settings, arguments).result(60)
        assert ended == status, printed
        return printed.strip()

    def browser(self) -> Browser:
        browser = Browser(self)
        self._browsers.append(browser)
        return browser

    def close_browsers(self) -> None:
        while self._browsers:
            self._browsers.pop().http.close()


@contextmanager
def site(directory: Path, redis: str, database: str) -> Iterator[Site]:
    """Both, set up."""
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    with (
        started(directory, redis, database, master_key=key) as rest,
        provider(directory, servers.free_port(), callbacks(rest)) as at,
    ):
        made = Site(rest, at)
        made.set_up()
        yield made


def callbacks(rest: Rest) -> list[str]:
    """Where the provider leads people of each tenant back to."""
    printed = (_run(rest.settings, ("tenant", "sign-in", tenant))[1] for tenant in ("first", "second"))
    return [rest.web.url + one.strip().rpartition("https://YOUR.SERVER")[2] for one in printed]


def _run(settings: Mapping[str, str], arguments: Sequence[str]) -> tuple[int, str]:
    printed = io.StringIO()
    with (
        mock.patch.dict(os.environ, servers.tertulia_env(settings), clear=True),
        mock.patch.object(os, "umask"),
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(printed),
        pytest.raises(SystemExit) as ended,
    ):
        cli.main(arguments)
    return int(ended.value.code or 0), printed.getvalue()


class Browser:
    """As much of one as signing in takes: it keeps cookies, and follows redirects step by step."""

    def __init__(self, of: Site) -> None:
        self.site = of
        self.http = httpx.Client(base_url=of.rest.web.url, timeout=30)

    def sign_in(self, name: str, start: str = "/sign-in") -> httpx.Response:
        """Sign in at the provider, and give the answer that the way ends with: of /meetings."""
        return self.to_callback(self.consent(name, start))

    def consent(self, name: str, start: str = "/sign-in") -> str:
        """All that is before the callback, whose address it gives."""
        answer = self.http.get(start, headers=OURS)
        while True:
            if answer.is_redirect:
                url = urljoin(str(answer.request.url), answer.headers["location"])
                if "/sign-in/callback" in url or "/meetings" in url:
                    return url
                answer = self.http.get(url)
                continue
            form = dict(_FIELDS.findall(answer.text)) | {"login": name, "password": "x"}
            action = _ACTION.search(answer.text)
            assert action, answer.text
            answer = self.http.post(urljoin(str(answer.request.url), action[1]), data=form)

    def to_callback(self, url: str) -> httpx.Response:
        return self.http.get(url)

    def call(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """Call the API as a page of this server does for who is signed in."""
        own = {"Authorization": "Cookie", "Origin": self.site.rest.web.url, "Sec-Fetch-Site": "same-origin"}
        sent = {name: value for name, value in {**own, **headers}.items() if value}
        return self.http.request(method, path, headers=sent, json=body)

    def ok(self, method: str, path: str, body: object = None, status: int = 200) -> dict[str, object]:
        answer = self.call(method, path, body)
        assert answer.status_code == status, answer.text
        found: dict[str, object] = answer.json() if answer.content else {}
        return found

    def me(self) -> dict[str, object]:
        """The user who is signed in."""
        user = self.ok("GET", "/v1/sign-in")["user"]
        assert isinstance(user, dict)
        return user
