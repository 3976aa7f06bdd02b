"""Idempotency-Key: the same request again is answered as the first time."""

import hashlib
from typing import Any

import msgspec

from app.commands.jobs_in import Idempotency, Replay
from app.errors import IdempotencyKeyReused
from app.http.registry import Call
from app.http.requests import idempotency_key_of

REPLAYED = {"Idempotent-Replayed": "true"}


def idempotency_of(call: Call, body: msgspec.Struct, answer: dict[str, Any]) -> Idempotency | None:
    """The hash is of what the body says, not of its white space, and of which endpoint it was sent to."""
    key = idempotency_key_of(call.request)
    if key is None:
        return None
    digest = hashlib.sha256(call.request.path.encode() + b"\n" + msgspec.json.encode(body))
    return Idempotency(call.key.id, key, digest.hexdigest(), answer)


def require_same(replay: Replay, idempotency: Idempotency) -> None:
    """Raises IdempotencyKeyReused."""
    if replay.hash != idempotency.hash:
        raise IdempotencyKeyReused(facts={"ids": replay.ids} if len(replay.ids) == 1 else {})
