"""What options are read as: moments, JSON objects. Each raises click.BadParameter."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import rich_click as click


def moment(text: str) -> datetime:
    """RFC 3339, with an offset."""
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no RFC 3339 time") from None
    if given.tzinfo is None:
        raise click.BadParameter(f"{text!r} needs an offset, for example Z")
    return given


def json_object(text: str | bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError) as error:
        raise click.BadParameter(f"no JSON object: {error}") from None
