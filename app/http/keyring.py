"""Who calls: bearer keys, looked up by hash in memory; closed by default."""

import hmac
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.commands.keys import hash_token
from app.errors import MissingScope, NotAllowed, Unauthenticated
from app.http.rates import Bucket, Buckets
from app.queries.keys import ApiKey

SCHEME = "Bearer "
ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Patterns:
    """fnmatch-like: * is any text, ? one character. `like` is the same for the database."""

    regex: re.Pattern[str]
    like: list[str]

    def match(self, name: str) -> bool:
        return self.regex.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class Key:
    """An API key as requests see it. `expires` is a Unix time."""

    id: int
    name: str
    hash: str
    scopes: frozenset[str]
    expires: float
    queues: Patterns | None
    tasks: Patterns | None
    bucket: Bucket | None = None

    def has(self, scope: str) -> bool:
        return scope in self.scopes or ADMIN in self.scopes

    def spend(self, cost: int = 1, *, least: int = 1) -> None:
        """Raises RateLimited."""
        if self.bucket is not None:
            self.bucket.spend(cost, least=least)

    def require(self, scope: str) -> None:
        if not self.has(scope):
            raise MissingScope(f"this needs the scope {scope}", facts={"scope": scope})

    @property
    def sees_all(self) -> bool:
        return self.queues is None and self.tasks is None

    def sees_task(self, task: str) -> bool:
        return self.tasks is None or self.tasks.match(task)

    def sees(self, queue: str, task: str) -> bool:
        return self.sees_task(task) and (self.queues is None or self.queues.match(queue))

    def require_task(self, task: str) -> None:
        if not self.sees_task(task):
            raise NotAllowed(f"this key may not enqueue the task {task}")

    def require_queue(self, queue: str) -> None:
        if self.queues is not None and not self.queues.match(queue):
            raise NotAllowed(f"this key may not enqueue into the queue {queue}")


Keyring = Mapping[str, Key]


def authenticate(keyring: Keyring, header: str | None) -> Key:
    """Raises Unauthenticated with the same words for an unknown and a revoked key."""
    if header is None or not header.startswith(SCHEME):
        raise Unauthenticated("send Authorization: Bearer ow_…")
    digest = hash_token(header[len(SCHEME) :].strip())
    key = keyring.get(digest)
    return check_valid(key if key is not None and hmac.compare_digest(key.hash, digest) else None)


def check_valid(key: Key | None) -> Key:
    """What a keyring had under a hash. Raises Unauthenticated."""
    if key is None:
        raise Unauthenticated("this key is unknown or revoked")
    if key.expires <= time.time():
        raise Unauthenticated("this key has expired")
    return key


def make_keyring(rows: Iterable[ApiKey], buckets: Buckets) -> Keyring:
    return {row.hash: _key(row, buckets.of(row)) for row in rows if row.revoked_at is None}


def _key(row: ApiKey, bucket: Bucket | None) -> Key:
    return Key(
        id=row.id,
        name=row.name,
        hash=row.hash,
        scopes=frozenset(row.scopes),
        expires=row.expires_at.timestamp() if row.expires_at else float("inf"),
        queues=make_patterns(row.queues),
        tasks=make_patterns(row.tasks),
        bucket=bucket,
    )


def make_patterns(patterns: list[str] | None) -> Patterns | None:
    """None is no limit; an empty list matches nothing."""
    if patterns is None:
        return None
    regex = "|".join(_regex(pattern) for pattern in patterns) or r"(?!)"
    return Patterns(re.compile(regex, re.DOTALL), [_like(pattern) for pattern in patterns])


def _regex(pattern: str) -> str:
    return "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern)


def _like(pattern: str) -> str:
    escaped = {"*": "%", "?": "_", "%": r"\%", "_": r"\_", "\\": "\\\\"}
    return "".join(escaped.get(char, char) for char in pattern)
