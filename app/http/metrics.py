"""GET /metrics: the database as measured, and this process, in Prometheus' words."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from aiohttp import hdrs, web
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from app.commands.enqueue import Enqueuer
from app.histogram import Histogram
from app.http.registry import Call
from app.http.services import TRAFFIC
from app.http.traffic import Traffic
from app.queries.metrics import Measured

# What the alert of this name measured -> (metric, what it says).
MEASURED_BY_ALERTS = {
    "notification_queue": (
        "onewriter_notification_queue_usage_ratio",
        "How full PostgreSQL's queue of NOTIFYs is",
    ),
    "oldest_snapshot": ("onewriter_oldest_snapshot_seconds", "Age of the oldest open snapshot"),
    "xid_age": ("onewriter_xid_age", "Transactions since the oldest frozen one, of the worst database"),
    "multixact_age": ("onewriter_multixact_age", "The same for multixacts"),
    "jobs_without_session": ("onewriter_jobs_without_session", "Running jobs that no session holds: 0"),
    "sessions_overdue": (
        "onewriter_session_overdue_seconds",
        "How long ago the eldest unrescued lease ended",
    ),
}


async def metrics(call: Call) -> web.Response:
    """In the format that the scraper asks for; without a database the process's own are left."""
    services = call.services
    registry = CollectorRegistry()
    registry.register(
        Exposition(await services.measurements.get(), services.enqueuer, call.request.app[TRAFFIC])
    )
    ProcessCollector(registry=registry)
    encode, media = choose_encoder(call.request.headers.get(hdrs.ACCEPT, ""))
    return web.Response(body=encode(registry), headers={hdrs.CONTENT_TYPE: media})


@dataclass(eq=False, slots=True)
class Exposition(Collector):
    """One scrape's families."""

    measured: Measured | None
    enqueuer: Enqueuer
    traffic: Traffic

    def describe(self) -> Iterator[Metric]:
        """Nothing: nobody else is in the registry of one scrape."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        yield gauge(
            "onewriter_database_up", "Whether the database could be measured", self.measured is not None
        )
        if self.measured is not None:
            yield from of_queues(self.measured)
            yield from of_consumers(self.measured)
            yield from of_alerts(self.measured)
            yield from of_the_rest(self.measured)
        yield from of_requests(self.traffic)
        yield gauge("onewriter_enqueue_backlog", "Enqueues that wait for a flush", self.enqueuer.backlog)
        yield histogram(
            "onewriter_enqueue_flush_jobs", "Jobs that shared a flush", [((), self.enqueuer.flushes)]
        )


def of_queues(measured: Measured) -> Iterator[Metric]:
    jobs = GaugeMetricFamily(
        "onewriter_queue_jobs", "Jobs by queue and status, counted up to 10000", labels=("queue", "status")
    )
    oldest = GaugeMetricFamily(
        "onewriter_queue_oldest_ready_seconds", "How long the oldest is ready", labels=("queue",)
    )
    paused = GaugeMetricFamily("onewriter_queue_paused", "Whether it hands out nothing", labels=("queue",))
    for depth in measured.queues:
        for status in ("ready", "scheduled", "waiting", "running"):
            jobs.add_metric((depth.queue, status), getattr(depth, status))
        oldest.add_metric((depth.queue,), depth.oldest_ready)
        paused.add_metric((depth.queue,), depth.paused)
    yield from (jobs, oldest, paused)
    yield gauge("onewriter_queues", "Queues there are; the first 100 have figures", measured.queues_known)


def of_consumers(measured: Measured) -> Iterator[Metric]:
    waiting = GaugeMetricFamily(
        "onewriter_outbox_waiting", "Ends to be handled, counted up to 10000", labels=("consumer", "state")
    )
    oldest = GaugeMetricFamily(
        "onewriter_outbox_oldest_seconds", "How long the oldest of them waits", labels=("consumer",)
    )
    dead = GaugeMetricFamily(
        "onewriter_dead_letters", "Ends whose handlers gave up, counted up to 10000", labels=("consumer",)
    )
    for backlog in measured.outbox:
        waiting.add_metric((backlog.consumer, "fresh"), backlog.waiting)
        waiting.add_metric((backlog.consumer, "delayed"), backlog.delayed)
        oldest.add_metric((backlog.consumer,), backlog.oldest)
        dead.add_metric((backlog.consumer,), backlog.dead)
    yield from (waiting, oldest, dead)


def of_alerts(measured: Measured) -> Iterator[Metric]:
    active = GaugeMetricFamily(
        "onewriter_alert", "Whether it stands in inspect.alerts", labels=("alert", "severity")
    )
    for alert in measured.alerts:
        active.add_metric((alert.name, alert.severity), alert.active)
        if alert.name in MEASURED_BY_ALERTS:
            yield gauge(*MEASURED_BY_ALERTS[alert.name], alert.value)
    yield active


def of_the_rest(measured: Measured) -> Iterator[Metric]:
    workers = GaugeMetricFamily("onewriter_workers", "Open sessions of workers", labels=("state",))
    workers.add_metric(("live",), measured.workers.live)
    workers.add_metric(("late",), measured.workers.late)
    ended = CounterMetricFamily(
        "onewriter_backends_ended", "Backends of workers that were told to end", labels=("rule",)
    )
    for rule, times in measured.ended.items():
        ended.add_metric((rule,), times)
    yield from (workers, ended)
    yield counter("onewriter_jobs_enqueued", "Job ids drawn, refused enqueues too", measured.enqueued)
    yield counter(
        "onewriter_job_updates", "Updates of job rows: a claim is one, an end too", measured.row_updates
    )
    yield counter("onewriter_attempts_repeated", "Runs after which a job ran again", measured.repeated)
    yield counter(
        "onewriter_late_results", "Results refused, as their sender held no claim", measured.late_results
    )


def of_requests(traffic: Traffic) -> Iterator[Metric]:
    labels = ("method", "route")
    requests = CounterMetricFamily("onewriter_http_requests", "Requests answered", labels=(*labels, "status"))
    for route, answers in traffic.routes.items():
        for status, count in answers.by_status.items():
            requests.add_metric((*route, str(status)), count)
    yield requests
    seconds = [(route, answers.seconds) for route, answers in traffic.routes.items() if answers.by_status]
    yield histogram("onewriter_http_request_seconds", "Until the answer was ready", seconds, labels)


def gauge(name: str, says: str, value: float) -> Metric:
    return GaugeMetricFamily(name, says, value=value)


def counter(name: str, says: str, value: float) -> Metric:
    return CounterMetricFamily(name, says, value=value)


def histogram(
    name: str,
    says: str,
    counted: Iterable[tuple[tuple[str, ...], Histogram]],
    labels: tuple[str, ...] = (),
) -> Metric:
    family = HistogramMetricFamily(name, says, labels=labels)
    for values, each in counted:
        family.add_metric(values, each.buckets(), each.sum)
    return family
