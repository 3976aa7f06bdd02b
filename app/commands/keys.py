"""API keys: shown once when made, kept as a hash."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.database.calls import call
from app.database.pool import Connection
from app.errors import FieldError, Invalid

PREFIX = "ow_"
SHOWN = len(PREFIX) + 6
SCOPES = (
    "jobs:read",
    "jobs:write",
    "jobs:operate",
    "schedules:write",
    "workers:write",
    "metrics:read",
    "admin",
)


@dataclass(frozen=True, slots=True)
class NewKey:
    """`token` exists nowhere else; only its hash is stored."""

    id: int
    name: str
    token: str


def hash_token(token: str) -> str:
    """sha256, unsalted: a token has 256 random bits, so there is nothing to guess or to look up."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


async def create_key(  # noqa: PLR0913 (a key is what it is limited to)
    conn: Connection,
    *,
    name: str,
    scopes: Sequence[str],
    actor: str,
    queues: Sequence[str] | None = None,
    tasks: Sequence[str] | None = None,
    expires_at: datetime | None = None,
    rate: float | None = None,
    burst: int | None = None,
    token: str | None = None,
) -> NewKey:
    """`queues` and `tasks` are patterns with * and ?; None is no limit. Raises Invalid, OWK01.

    `rate` per second and `burst`: None is the API process's default, an infinite rate no limit.

    `token` may be given by a caller that needs a fixed one (a development stack).
    """
    _check_scopes(scopes)
    token = token or PREFIX + secrets.token_urlsafe(32)
    key_id = await call(
        conn,
        "select server_api.create_key(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        name,
        hash_token(token),
        token[:SHOWN],
        list(scopes),
        _list(queues),
        _list(tasks),
        expires_at,
        actor,
        rate,
        burst,
    )
    return NewKey(key_id, name, token)


async def revoke_key(conn: Connection, *, name: str, actor: str) -> None:
    """Every API process refuses the key from the next signal on. Raises OWN02."""
    await conn.execute("select server_api.revoke_key(%s, %s)", (name, actor))


def _check_scopes(scopes: Sequence[str]) -> None:
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        message = f"must be of {', '.join(SCOPES)}"
        raise Invalid(message, errors=[FieldError("scopes", message)])


def _list(patterns: Sequence[str] | None) -> list[str] | None:
    return None if patterns is None else list(patterns)
