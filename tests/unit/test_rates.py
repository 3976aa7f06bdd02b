"""The token bucket, by a clock of the test's own."""

import pytest

from app.errors import RateLimited
from app.http.rates import Bucket, Buckets
from app.queries.keys import ApiKey
from app.settings import Settings, read_rate, show_rate


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def spent(bucket: Bucket, most: int = 10_000) -> int:
    """How many requests pass right now."""
    for count in range(most):
        try:
            bucket.spend()
        except RateLimited:
            return count
    return most


def test_a_burst_and_then_the_rate(clock: Clock) -> None:
    bucket = Bucket(100, 200, clock)
    assert spent(bucket) == 200
    clock.now += 0.5
    assert spent(bucket) == 50
    clock.now += 3600
    assert spent(bucket) == 200


@pytest.mark.parametrize("rate", [0.001, 1 / 3, 1, 7, 100 / 60, 1e6])
@pytest.mark.parametrize("debt", [0, 1, 10_000])
def test_retry_after_is_true(clock: Clock, rate: float, debt: int) -> None:
    bucket = Bucket(rate, 5, clock)
    bucket.spend(4 + debt)
    bucket.spend(1, least=-debt)
    with pytest.raises(RateLimited) as refused:
        bucket.spend()
    seconds = refused.value.retry_after or 0
    assert seconds >= 1
    clock.now += seconds - 1 - 1 / rate
    if clock.now > 0:
        with pytest.raises(RateLimited):
            bucket.spend()
    clock.now = seconds
    bucket.spend()


def test_refusals_cost_nothing(clock: Clock) -> None:
    bucket = Bucket(1, 1, clock)
    bucket.spend()
    for _ in range(50):
        clock.now += 0.01
        with pytest.raises(RateLimited):
            bucket.spend()
    clock.now = 1.0
    bucket.spend()


def test_more_than_the_burst_leaves_a_debt(clock: Clock) -> None:
    bucket = Bucket(100, 200, clock)
    bucket.spend()
    bucket.spend(9_999, least=0)
    with pytest.raises(RateLimited) as refused:
        bucket.spend(9_999, least=0)
    assert refused.value.retry_after == 99
    clock.now += 99
    bucket.spend()


def key(**fields: object) -> ApiKey:
    given = {"id": 1, "name": "k", "prefix": "", "hash": "", "scopes": [], "queues": None, "tasks": None}
    times = dict.fromkeys(("expires_at", "created_at", "revoked_at"))
    return ApiKey(**{**given, **times, **fields})  # type: ignore[arg-type]


def test_whose_limit_counts() -> None:
    def limit(default: float | None, most: int | None, **own: object) -> tuple[float, float] | None:
        bucket = Buckets(default, most).of(key(**own))
        return bucket and (bucket.rate, bucket.burst)

    assert limit(None, None) is None
    assert limit(None, 5) is None
    assert limit(10, None) == (10, 10)
    assert limit(0.5, None) == (0.5, 1)
    assert limit(10, 50) == (10, 50)
    assert limit(10, 50, burst=7) == (10, 7)
    assert limit(10, 50, rate=2.0) == (2, 2)
    assert limit(None, None, rate=2.0, burst=9) == (2, 9)
    assert limit(10, 50, rate=float("inf")) is None


def test_a_bucket_outlives_a_new_reading_of_the_keys() -> None:
    buckets = Buckets(10, None)
    assert buckets.of(key()) is buckets.of(key())
    assert buckets.of(key()) is not buckets.of(key(id=2))


def test_how_a_rate_is_said() -> None:
    for text, rate in {"100/s": 100.0, "600/m": 10.0, " 5000 / h ": 5000 / 3600, "1/h": 1 / 3600}.items():
        assert read_rate(text) == rate
        assert read_rate(show_rate(rate)) == rate
    assert (read_rate("none"), show_rate(None), show_rate(float("inf"))) == (None, "none", "none")
    for text in ("", "100", "0/s", "-1/s", "1/d", "1.5/s", "inf/s", "many"):
        with pytest.raises(ValueError, match="say it as"):
            read_rate(text)


def test_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings(_env_file=None).rate_limit is None  # type: ignore[call-arg]
    monkeypatch.setenv("ONEWRITER_RATE_LIMIT", "600/m")
    settings = Settings(_env_file=None)  # type: ignore[call-arg]
    assert (settings.rate_limit, settings.redacted()["ONEWRITER_RATE_LIMIT"]) == (10, "10/s")
