"""The TikTok Research API over HTTP: the token, and what its refusals mean.

Source: TikTok Research API, "Query Videos" and "Client Access Token Management".
"""

import json
import os
from typing import Any

import httpx
from pydantic import SecretStr

from hashtag2action.errors import SourceError
from hashtag2action.sources.base import clean_description, hash_creator
from hashtag2action.sources.paid_client import Clock, Verdict
from hashtag2action.sources.research_query import VIDEO_FIELDS

_TOKEN_PATH = "/v2/oauth/token/"
_QUERY_PATH = "/v2/research/video/query/"
_EARLY_S = 60.0
"""A token is renewed this long before it expires (chosen: longer than one answer takes)."""


def secret_from(variable: str) -> SecretStr:
    """Read a secret from an environment variable; it is never shown.

    Raises:
        SourceError: The variable is not set.
    """
    value = os.environ.get(variable, "").strip()
    if not value:
        raise SourceError(f"the environment variable {variable} is not set; it holds a credential")
    return SecretStr(value)


class ResearchTransport:
    """Sends video queries; a `Platform` of the paid client."""

    name = "tiktok research api"

    def __init__(
        self, client: httpx.Client, key: SecretStr, secret: SecretStr, clock: Clock, salt: str
    ) -> None:
        self._client = client
        self._key = key
        self._secret = secret
        self._clock = clock
        self._salt = salt
        self._token: SecretStr | None = None
        self._expires = 0.0

    def prepare(self) -> None:
        """Get a token where there is none, or where it is about to expire.

        Raises:
            SourceError: The platform refuses the client key or secret.
        """
        if self._token is not None and self._clock.now().timestamp() < self._expires - _EARLY_S:
            return
        form = {
            "client_key": self._key.get_secret_value(),
            "client_secret": self._secret.get_secret_value(),
            "grant_type": "client_credentials",
        }
        response = self._client.post(_TOKEN_PATH, data=form)
        values = json_object(response)
        token, lifetime = values.get("access_token"), values.get("expires_in")
        if not isinstance(token, str) or not isinstance(lifetime, (int, float)):
            # Only the short code is shown: a description might repeat what was sent.
            code = values.get("error")
            shown = code if isinstance(code, str) and code.isidentifier() else "no reason given"
            raise SourceError(f"{self.name}: no token (HTTP {response.status_code}, {shown})")
        self._token = SecretStr(token)
        self._expires = self._clock.now().timestamp() + lifetime

    def renew(self) -> None:
        """Forget the token; the next question gets another one."""
        self._token = None

    def send(self, request: dict[str, Any]) -> httpx.Response:
        """Send one video query."""
        assert self._token is not None, "prepare() comes first"
        return self._client.post(
            _QUERY_PATH,
            params={"fields": ",".join(VIDEO_FIELDS)},
            json=request,
            headers={"Authorization": f"Bearer {self._token.get_secret_value()}"},
        )

    def judge(self, response: httpx.Response) -> Verdict:
        """Say what a response means.

        Raises:
            SourceError: The project has no access, or the address is wrong.
        """
        code = error_code(json_object(response))
        if response.status_code == 401 and code in {"access_token_invalid", ""}:
            return "unauthorized"
        if response.status_code == 429:
            return "exhausted" if code == "daily_quota_limit_exceeded" else "throttled"
        if response.status_code in {401, 403, 404, 405}:
            raise SourceError(
                f"{self.name}: refused (HTTP {response.status_code}, {code or 'no reason'}); "
                "is the project approved for research.data.basic?"
            )
        return "answered"

    def body_to_keep(self, response: httpx.Response) -> str:
        """Return the answer with hashed user names and cleaned descriptions; other text is kept."""
        values = json_object(response)
        data = values.get("data")
        videos = data.get("videos") if isinstance(data, dict) else None
        if not isinstance(videos, list):
            return response.text[:10_000]
        for video in videos:
            if isinstance(video, dict):
                name = video.pop("username", None)
                video.pop("creator", None)
                if name is not None and name != "":
                    video["creator"] = hash_creator(str(name), self._salt)
                if isinstance(text := video.get("video_description"), str):
                    video["video_description"] = clean_description(text)
        return json.dumps(values, separators=(",", ":"))


def json_object(response: httpx.Response) -> dict[str, Any]:
    """Read a response as a JSON object; anything else is an empty one."""
    try:
        values = json.loads(response.content)
    except (ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def error_code(values: dict[str, Any]) -> str:
    """Return the platform's error code, '' where there is none."""
    error = values.get("error")
    code = error.get("code") if isinstance(error, dict) else error
    return str(code)[:80] if code is not None else ""
