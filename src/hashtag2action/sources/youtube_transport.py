"""The YouTube Data API over HTTP: the key, and what its refusals mean.

Source: YouTube Data API v3, "Errors".
"""

import json
from typing import Any

import httpx
from pydantic import SecretStr

from hashtag2action.errors import SourceError
from hashtag2action.sources.base import clean_description, hash_creator
from hashtag2action.sources.paid_client import Verdict
from hashtag2action.sources.research_transport import json_object


class YouTubeTransport:
    """Sends questions; a `Platform` of the paid client."""

    name = "youtube data api"

    def __init__(self, client: httpx.Client, key: SecretStr, salt: str) -> None:
        self._client = client
        self._key = key
        self._salt = salt

    def prepare(self) -> None:
        """Do nothing: a key does not expire."""

    def renew(self) -> None:
        """Do nothing; `judge` raises where a key is refused."""

    def send(self, request: dict[str, Any]) -> httpx.Response:
        """Send a search or a look-up; the key travels in a header, never in the address."""
        parameters = {name: value for name, value in request.items() if name != "method"}
        headers = {"X-Goog-Api-Key": self._key.get_secret_value()}
        return self._client.get(f"/{request['method']}", params=parameters, headers=headers)

    def judge(self, response: httpx.Response) -> Verdict:
        """Say what a response means.

        Raises:
            SourceError: The key or the question is refused.
        """
        if response.status_code == 200 or response.status_code >= 500:
            return "answered"
        reason = _reason(response)
        if reason in {"quotaExceeded", "dailyLimitExceeded"}:
            return "exhausted"
        if response.status_code == 429 or reason in {"rateLimitExceeded", "userRateLimitExceeded"}:
            return "throttled"
        raise SourceError(
            f"{self.name}: refused (HTTP {response.status_code}, {reason or 'no reason'})"
        )

    def body_to_keep(self, response: httpx.Response) -> str:
        """Return the answer without channel names, with hashed channels and clean texts."""
        values = json_object(response)
        items = values.get("items")
        for item in items if isinstance(items, list) else ():
            snippet = item.get("snippet") if isinstance(item, dict) else None
            if isinstance(snippet, dict):
                channel = str(snippet.pop("channelId", "") or "")
                for name in ("channelTitle", "thumbnails", "creator"):
                    snippet.pop(name, None)
                if channel:
                    snippet["creator"] = hash_creator(channel, self._salt)
                for name in ("title", "description"):
                    snippet[name] = clean_description(str(snippet.get(name) or ""))
        return json.dumps(values, separators=(",", ":"))


def _reason(response: httpx.Response) -> str:
    """Return the platform's short reason for a refusal, '' where there is none."""
    error = json_object(response).get("error")
    errors = error.get("errors") if isinstance(error, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    reason = first.get("reason") if isinstance(first, dict) else None
    return reason if isinstance(reason, str) and reason.isidentifier() else ""
