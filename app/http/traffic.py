"""What this process counts of its requests."""

from app.histogram import Histogram

# Seconds; a request that waits for a result is in the last ones.
LATENCIES = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)


class RouteTraffic:
    """The answers of one route."""

    __slots__ = ("by_status", "seconds")

    def __init__(self) -> None:
        self.by_status: dict[int, int] = {}
        self.seconds = Histogram(LATENCIES)

    def answered(self, status: int, seconds: float) -> None:
        self.by_status[status] = self.by_status.get(status, 0) + 1
        self.seconds.add(seconds)


class Traffic:
    """Every route's, by method and path."""

    def __init__(self) -> None:
        self.routes: dict[tuple[str, str], RouteTraffic] = {}

    def of(self, method: str, path: str) -> RouteTraffic:
        return self.routes.setdefault((method, path), RouteTraffic())
