"""A provider made of values: it answers what the core asks, and signs what a test wants signed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from tertulia.oidc import flow
from tertulia.oidc.flow import Client, Flow
from tertulia.oidc.issuer import Issuer
from tertulia.oidc.steps import Get, Post, Reply, Request, Steps, T

ISSUER = "https://login.example.org/realms/acme"
CLIENT = Client(ISSUER, "tertulia", "hush: it is secret", "openid profile email")
REDIRECT = "https://meet.example.org/sign-in/callback"
NOW = 1_900_000_000.0
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
OTHER_RSA = RSAKey.generate_key(2048, {"kid": "other"})
EC = ECKey.generate_key("P-256", {"kid": "ec"})


def reply(body: Any, status: int = 200) -> Reply:
    return Reply(status, body if isinstance(body, bytes) else json.dumps(body).encode())


class Provider:
    """What it says can be changed, document by document. ``asked`` is what it was asked for."""

    def __init__(self, *keys: RSAKey | ECKey) -> None:
        self.metadata: dict[str, Any] = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/auth",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/keys",
            "userinfo_endpoint": f"{ISSUER}/me",
            "authorization_response_iss_parameter_supported": True,
        }
        self.keys: list[Any] = [key.as_dict(private=False) for key in keys or (RSA, EC)]
        self.claims: dict[str, Any] = {}
        self.user_info: dict[str, Any] = {"sub": "ann", "email": "ann@example.org", "name": "Ann"}
        self.sign: Callable[[dict[str, Any]], str] = signed
        self.replies: dict[str, Reply] = {}
        self.asked: list[Request] = []
        self.nonce = ""

    def answer(self, request: Request) -> Reply:
        self.asked.append(request)
        name = request.url.rpartition("/")[2]
        if name in self.replies:
            return self.replies[name]
        if name == "openid-configuration":
            return reply(self.metadata)
        if name == "keys":
            return reply({"keys": self.keys})
        if name == "me":
            assert isinstance(request, Get) and request.bearer == "access"
            return reply(self.user_info)
        assert isinstance(request, Post) and name == "token"
        claims = {**claims_of(self.nonce), **self.claims}
        return reply({"id_token": self.sign(claims), "access_token": "access", "token_type": "Bearer"})

    def run(self, steps: Steps[T]) -> T:
        """Drive a procedure to its end."""
        try:
            request = next(steps)
            while True:
                request = steps.send(self.answer(request))
        except StopIteration as done:
            found: T = done.value
            return found

    def sign_in(
        self, issuer: Issuer | None = None, client: Client = CLIENT, answer: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """A whole sign-in; ``answer`` replaces parts of the query that comes back."""
        issuer = issuer or Issuer(ISSUER)
        begun = flow.begin(REDIRECT, NOW)
        asked = self.query_of(self.run(flow.authorize(client, issuer, begun, 0.0)))
        self.nonce = asked["nonce"]
        query = {"code": "code", "state": asked["state"], "iss": ISSUER, **(answer or {})}
        return self.complete(issuer, begun, urlencode({k: v for k, v in query.items() if v}).encode(), client)

    def complete(self, issuer: Issuer, begun: Flow, query: bytes, client: Client = CLIENT) -> dict[str, Any]:
        return self.run(flow.complete(client, issuer, begun, flow.read_callback(query), NOW + 5, 5.0))

    @staticmethod
    def query_of(url: str) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def claims_of(nonce: str) -> dict[str, Any]:
    return {"iss": ISSUER, "sub": "ann", "aud": "tertulia", "exp": NOW + 300, "iat": NOW, "nonce": nonce}


def signed(claims: dict[str, Any], key: Any = RSA, alg: str = "RS256", **header: Any) -> str:
    return jwt.encode({"alg": alg, "kid": key.kid, **header}, claims, key, algorithms=[alg])
