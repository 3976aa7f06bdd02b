"""Parts of the API that need no database."""

import asyncio

import pytest

from app.errors import InvalidCursor
from app.http.cached import Cached
from app.http.cursors import make_cursor, read_cursor
from app.http.keyring import make_patterns


@pytest.mark.parametrize(
    ("patterns", "name", "matches"),
    [
        (["*"], "", True),
        (["*"], "a\nb", True),
        (["rep*"], "reports", True),
        (["rep*"], "a.reports", False),
        (["a?c"], "abc", True),
        (["a?c"], "ac", False),
        (["a.c"], "abc", False),
        (["a", "b"], "b", True),
        (["a", "b"], "ab", False),
        ([], "a", False),
        (["[ab]"], "a", False),
        (["[ab]"], "[ab]", True),
    ],
)
def test_patterns(patterns: list[str], name: str, matches: bool) -> None:
    made = make_patterns(patterns)
    assert made is not None
    assert made.match(name) is matches


def test_like_escapes_what_like_means() -> None:
    made = make_patterns(["a_b%c\\d*e?"])
    assert made is not None
    assert made.like == [r"a\_b\%c\\d%e_"]


def test_cursor() -> None:
    cursor = make_cursor(2**63 - 1, secret="s", filters=b"f")
    assert read_cursor(cursor, secret="s", filters=b"f") == 2**63 - 1
    for secret, filters in (("t", b"f"), ("s", b"g")):
        with pytest.raises(InvalidCursor):
            read_cursor(cursor, secret=secret, filters=filters)


async def test_cached_reads_once_for_all() -> None:
    reads = 0

    async def load() -> int:
        nonlocal reads
        reads += 1
        await asyncio.sleep(0)
        return reads

    cached = Cached(load, lambda: True)
    assert await asyncio.gather(*(cached.get() for _ in range(10))) == [1] * 10
    assert cached.peek() == 1
    cached.drop()
    assert cached.peek() is None
    assert await cached.get() == 2


async def test_cached_does_not_keep_what_changed_while_it_was_read() -> None:
    cached: Cached[int]

    async def load() -> int:
        cached.drop()
        return 1

    cached = Cached(load, lambda: True)
    assert await cached.get() == 1
    assert cached.peek() is None


async def test_cached_is_trusted_shortly_without_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    async def load() -> int:
        return 1

    now = 100.0
    monkeypatch.setattr("app.http.cached.monotonic", lambda: now)
    told = True
    cached = Cached(load, lambda: told)
    await cached.get()
    now += 10
    assert cached.peek() == 1
    told = False
    assert cached.peek() is None
    told = True
    now += 60
    assert cached.peek() is None


async def test_cached_fails_all_who_wait_and_reads_again_for_the_next() -> None:
    outcomes: list[int | Exception] = [OSError("away"), 2]

    async def load() -> int:
        await asyncio.sleep(0)
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    cached = Cached(load, lambda: True)
    failed = await asyncio.gather(*(cached.get() for _ in range(5)), return_exceptions=True)
    assert [type(exc) for exc in failed] == [OSError] * 5
    assert await cached.get() == 2


async def test_cached_gives_nobody_a_read_begun_before_the_drop() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    reads = 0

    async def load() -> int:
        nonlocal reads
        reads += 1
        mine = reads
        begun.set()
        await go_on.wait()
        return mine

    cached = Cached(load, lambda: True)
    before = asyncio.create_task(cached.get())
    await begun.wait()
    cached.drop()
    after = asyncio.create_task(cached.get())
    await asyncio.sleep(0)
    go_on.set()
    assert await before == 1
    assert await after == 2
