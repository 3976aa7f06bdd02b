"""For machines that look, and people who read."""

from app.errors import NotReady, RouteNotFound
from app.http import bodies, health, metrics, pages
from app.http.registry import Answer, Route
from app.http.routes.terms import METRICS

OBSERVE = (
    Route(
        method="GET", path="/metrics", handler=metrics.metrics, summary="Metrics for Prometheus",
        scope=METRICS,
        answers=[Answer(status=200, says="text, or OpenMetrics where that is asked for", media="text/plain")],
    ),
)  # fmt: skip

OPEN = (
    Route(
        method="GET", path="/livez", handler=health.livez, summary="The process answers",
        scope=None, answers=[Answer(status=200, says="alive", body=bodies.Health)],
    ),
    Route(
        method="GET", path="/readyz", handler=health.readyz,
        summary="Database, migration head and LISTEN are well",
        scope=None, answers=[Answer(status=200, says="ready", body=bodies.Health)], errors=[NotReady],
    ),
    Route(
        method="GET", path="/", handler=pages.index, summary="Where things are",
        scope=None, answers=[Answer(status=200, says="an index")],
    ),
    Route(
        method="GET", path="/openapi.json", handler=pages.openapi, summary="This document",
        scope=None, answers=[Answer(status=200, says="OpenAPI 3.1")],
    ),
    Route(
        method="GET", path="/docs", handler=pages.docs, summary="This document for people",
        scope=None, answers=[Answer(status=200, says="a page", media="text/html")],
    ),
    Route(
        method="GET", path="/problems", handler=pages.problems, summary="Every problem",
        scope=None, answers=[Answer(status=200, says="a page", media="text/html")],
    ),
    Route(
        method="GET", path="/problems/{slug}", handler=pages.problem, summary="What a problem means",
        scope=None, answers=[Answer(status=200, says="a page", media="text/html")], errors=[RouteNotFound],
    ),
)  # fmt: skip
