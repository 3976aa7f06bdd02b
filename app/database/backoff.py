"""Growing pauses with jitter, so that processes that lost one server don't return to it in step."""

import random

FIRST = 0.1
LONGEST = 5.0


class Backoff:
    def __init__(self, *, longest: float = LONGEST) -> None:
        self._longest = longest
        self._pause = FIRST

    def reset(self) -> None:
        self._pause = FIRST

    def next(self) -> float:
        """Seconds to wait before the next try."""
        pause, self._pause = self._pause, min(self._pause * 2, self._longest)
        return pause * random.uniform(0.5, 1.5)
