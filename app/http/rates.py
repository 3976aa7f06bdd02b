"""How often a key may ask: a token bucket per key, in this process's memory."""

from collections.abc import Callable
from math import ceil, inf
from time import monotonic

from app.errors import RateLimited
from app.queries.keys import ApiKey
from app.settings import show_rate

# Whoever waits as long as it was told finds a whole token, whatever the sums were rounded to.
_ROUNDING = 1e-6


class Bucket:
    """Filled at `rate` tokens a second up to `burst`. A cost beyond what is there leaves a debt."""

    __slots__ = ("_at", "_clock", "_tokens", "burst", "rate")

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = monotonic) -> None:
        self.rate = float(rate)
        self.burst = burst
        self._clock = clock
        self._tokens = float(burst)
        self._at = clock()

    def spend(self, cost: int = 1, *, least: int = 1) -> None:
        """Raises RateLimited where there are less than `least` tokens; a refusal costs nothing."""
        now = self._clock()
        self._tokens = min(self.burst, self._tokens + (now - self._at) * self.rate)
        self._at = now
        if self._tokens < least - _ROUNDING:
            raise RateLimited(
                f"this key may send {show_rate(self.rate)}", retry_after=ceil((1 - self._tokens) / self.rate)
            )
        self._tokens -= cost


class Buckets:
    """One per key, full at first; it stays while the keys are read anew."""

    def __init__(self, rate: float | None, burst: int | None) -> None:
        self._rate = rate
        self._burst = burst
        self._buckets: dict[int, Bucket] = {}

    def of(self, key: ApiKey) -> Bucket | None:
        """None for a key without a limit: its own, or this process's default."""
        rate, burst = self._limit(key)
        if rate is None or rate == inf:
            return None
        bucket = self._buckets.get(key.id)
        if bucket is None:
            bucket = self._buckets[key.id] = Bucket(rate, burst or max(ceil(rate), 1))
        return bucket

    def _limit(self, key: ApiKey) -> tuple[float | None, int | None]:
        return (key.rate, key.burst) if key.rate else (self._rate, key.burst or self._burst)
