"""`secret://name` in a job's arguments: filled in for the task, taken out of what leaves the worker."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

import msgspec

PREFIX = "secret://"
# As PostgreSQL writes it into an answer: its JSON leaves the slash as it is.
MARK = PREFIX.encode()
# A shorter value would be found in every other word.
_SHORTEST = 4

values = msgspec.json.Decoder(dict[str, str] | None).decode


class SecretRefused(Exception):
    """There is no such secret, or it is not granted to this task and login."""


class Secrets:
    """The values that one job's arguments name, by name. Without the values of a name it is refused."""

    def __init__(self, known: Mapping[str, str]):
        self._known = known
        shown = {form: PREFIX + name for name, value in known.items() for form in _forms(value)}
        # The longest first: a value may be a part of another one.
        self._shown = sorted(shown.items(), key=lambda pair: -len(pair[0]))

    def fill(self, value: Any) -> Any:
        """Raises SecretRefused."""
        return _walk(value, self._value)

    def mask(self, text: str) -> str:
        """Each value, also as repr(), JSON and URLs write it, becomes its reference again."""
        for form, reference in self._shown:
            text = text.replace(form, reference)
        return text

    def mask_json(self, text: bytes) -> bytes:
        """The same in every text of a JSON value, keys too."""
        masked = _walk(json.loads(text), self.mask, keys=True)
        return json.dumps(masked, ensure_ascii=False, separators=(",", ":")).encode()

    def _value(self, text: str) -> str:
        if not text.startswith(PREFIX):
            return text
        try:
            return self._known[text.removeprefix(PREFIX)]
        except KeyError:
            raise SecretRefused(f"{text}: no such secret, or not for this task and login") from None


def _forms(value: str) -> set[str]:
    quoted = repr(value), json.dumps(value), json.dumps(value, ensure_ascii=False)
    in_urls = quote(value), quote(value, safe=""), quote_plus(value)
    forms = {value, *(text[1:-1] for text in quoted), *in_urls}
    return {form for form in forms if len(form) >= _SHORTEST}


def _walk(value: Any, change: Callable[[str], str], *, keys: bool = False) -> Any:
    """The same JSON with its texts changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_walk(item, change, keys=keys) for item in value]
    if isinstance(value, dict):
        return {change(key) if keys else key: _walk(item, change, keys=keys) for key, item in value.items()}
    return value
