"""From what a task returned or raised to what the database is told; bounded and clean."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

MAX_RESULT = 256 * 1024
MAX_ERROR = 8 * 1024
_MAX_MESSAGE = 2 * 1024
_ENGINE = Path(__file__).parent

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class NotJson(Exception):
    """The result is not JSON, or is JSON that PostgreSQL's jsonb does not hold."""


class Oversized(Exception):
    """The result is over 256 KB, or a note over what notes may have."""


def encode_result(value: Any) -> bytes:
    """Raises NotJson, Oversized."""
    return encode_json(value, "The result", MAX_RESULT)


def encode_json(value: Any, what: str, most: int) -> bytes:
    """Raises NotJson, Oversized. Only dict, list, tuple, str, int, float, bool and None are JSON here."""
    try:
        text = _encode(value)
        check_size(text, what, most)
        # msgspec is generous (sets, dates, NaN as null): what comes back equal was JSON to begin with.
        if _decode(text) != value:
            text = _strict(value, what)
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError, OverflowError):
        text = _strict(value, what)
    check_size(text, what, most)
    if b"\\u0000" in text:
        raise NotJson(f"{what} has a NUL character, which PostgreSQL's jsonb does not hold.")
    return text


def check_size(text: bytes, what: str = "The result", most: int = MAX_RESULT) -> None:
    """Raises Oversized."""
    if len(text) > most:
        raise Oversized(f"{what} has {len(text)} bytes as JSON; {most} are allowed.")


def _strict(value: Any, what: str) -> bytes:
    try:
        return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
    except RecursionError:
        raise NotJson(f"{what} is nested too deeply, or contains itself.") from None
    except UnicodeEncodeError:
        raise NotJson(f"{what} has a lone surrogate, which is not text.") from None
    except (TypeError, ValueError, OverflowError) as exc:
        raise NotJson(f"{what} is not JSON: {clean(str(exc))[:500]}") from None


def clean(text: str) -> str:
    """Without NUL and lone surrogates, which a PostgreSQL text cannot hold."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def error_text(exc: BaseException, mask: Callable[[str], str] = str) -> str:
    """Type, message and the tail of the traceback, at most 8 KB in UTF-8.

    `mask` sees whole texts before they are cut: half of a secret is not to be recognised.
    """
    head = clean(f"{type(exc).__name__}: {mask(_message(exc))[:_MAX_MESSAGE]}")
    try:
        trace = mask("".join(traceback.format_list(_frames(exc)[-20:]))) + _causes(exc, mask)
    except Exception:  # noqa: BLE001 (a traceback that cannot be shown hides no failure)
        trace = ""
    room = MAX_ERROR - len(head.encode()) - 1
    tail = clean(trace).rstrip().encode()[-room:].decode("utf-8", "ignore")
    return f"{head}\n{tail}" if tail else head


def _frames(exc: BaseException) -> list[traceback.FrameSummary]:
    """From the task's own first frame on: how the worker called it tells nobody anything."""
    frames = traceback.extract_tb(exc.__traceback__)
    own = next((n for n, frame in enumerate(frames) if Path(frame.filename).parent != _ENGINE), 0)
    return frames[own:]


def _message(exc: BaseException) -> str:
    try:
        return str(exc)
    except Exception:  # noqa: BLE001 (its __str__ is code of others)
        return "(its text cannot be shown)"


def _causes(exc: BaseException, mask: Callable[[str], str]) -> str:
    lines: list[str] = []
    cause = exc.__cause__ or exc.__context__
    while cause is not None and len(lines) < 5:
        lines.append(f"caused by {type(cause).__name__}: {mask(_message(cause))[:300]}\n")
        cause = cause.__cause__ or cause.__context__
    return "".join(lines)
