"""GET /metrics as a scraper reads it."""

from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from app.http import measurements
from app.http.main import make_app
from app.http.services import TRAFFIC
from app.http.traffic import LATENCIES
from app.settings import Settings
from tests.api.conftest import Api

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture(autouse=True)
def never_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each scrape reads."""
    monkeypatch.setattr(measurements, "FRESH", 0.0)


async def scrape(api: Api, **options: Any) -> Samples:
    reply = await api.get("/metrics", **options)
    assert reply.status == 200, reply.body
    assert reply.headers["Content-Type"].startswith("text/plain; version=")
    families = list(read_text(reply.body.decode()))
    assert all(family.documentation for family in families)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def of(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


async def test_it_is_closed_to_everybody_else(api: Api) -> None:
    assert (await api.get("/metrics", key=None)).status == 401
    reader = await api.make_key("reader", "jobs:read", "jobs:write", "jobs:operate")
    assert (await api.get("/metrics", key=reader)).slug == "missing-scope"
    scraper = await api.make_key("scraper", "metrics:read")
    assert (await api.get("/metrics", key=scraper)).status == 200
    assert (await api.get("/v1/jobs", key=scraper)).slug == "missing-scope"


async def test_queues_by_status(api: Api) -> None:
    for _ in range(3):
        await api.enqueue()
    await api.enqueue(delay=3600)
    await api.enqueue("monthly", args={"month": "5"})
    session = api.session()
    held = session.claim(2)
    samples = await scrape(api)
    counted = {
        status: of(samples, "onewriter_queue_jobs", queue="default", status=status)
        for status in ("ready", "scheduled", "waiting", "running")
    }
    running = sum(item["queue"] == "default" for item in held)
    assert counted == {"ready": 3 - running, "scheduled": 1, "waiting": 0, "running": running}
    assert of(samples, "onewriter_queue_oldest_ready_seconds", queue="default") > 0
    assert of(samples, "onewriter_queue_paused", queue="reports") == 0
    assert of(samples, "onewriter_queues") == 2
    assert of(samples, "onewriter_workers", state="live") == 1
    assert of(samples, "onewriter_jobs_enqueued_total") == 5


async def test_alerts_by_name(api: Api) -> None:
    samples = await scrape(api)
    names = {
        dict(labels)["alert"]: value for (name, labels), value in samples.items() if name == "onewriter_alert"
    }
    assert {name for name, value in names.items() if value} == {"no_scheduler", "no_janitor"}
    assert len(names) == 12, names
    assert 0 <= of(samples, "onewriter_notification_queue_usage_ratio") < 0.05
    assert of(samples, "onewriter_oldest_snapshot_seconds") >= 0
    assert 0 < of(samples, "onewriter_xid_age") < 400_000_000
    assert of(samples, "onewriter_jobs_without_session") == 0
    api.session().connection.close()
    worker = api.db.connect("worker")
    api.db.connect("admin").execute(
        "select jobs.end_backend(pid, backend_start, 'lease') from pg_stat_activity where pid = %s",
        [worker.info.backend_pid],
    )
    assert of(await scrape(api), "onewriter_backends_ended_total", rule="lease") == 1


async def test_a_late_result_is_counted(api: Api) -> None:
    await api.enqueue()
    session = api.session()
    (held,) = session.claim()
    session.exchange(done=[[held["id"], held["claim_no"] + 1, None, None]])
    assert of(await scrape(api), "onewriter_late_results_total") == 1


async def test_requests_by_route_and_status(api: Api) -> None:
    for _ in range(3):
        await api.enqueue()
    await api.post("/v1/jobs", {"task": "unheard of"})
    await api.get("/v1/jobs/999")
    await api.get("/nowhere/at/all")
    samples = await scrape(api)

    def requests(method: str, route: str, status: str) -> float:
        return of(samples, "onewriter_http_requests_total", method=method, route=route, status=status)

    assert requests("POST", "/v1/jobs", "201") == 3
    assert requests("POST", "/v1/jobs", "422") == 1
    assert requests("GET", "/v1/jobs/{job_id}", "404") == 1
    assert requests("*", "/{rest}", "404") == 1
    post = {"method": "POST", "route": "/v1/jobs"}
    assert of(samples, "onewriter_http_request_seconds_count", **post) == 4
    assert of(samples, "onewriter_http_request_seconds_sum", **post) > 0
    buckets = [of(samples, "onewriter_http_request_seconds_bucket", le=str(le), **post) for le in LATENCIES]
    assert buckets == sorted(buckets)
    assert of(samples, "onewriter_http_request_seconds_bucket", le="+Inf", **post) == 4


async def test_flushes(api: Api) -> None:
    for _ in range(3):
        await api.enqueue()
    samples = await scrape(api)
    assert of(samples, "onewriter_enqueue_flush_jobs_count") == 3
    assert of(samples, "onewriter_enqueue_flush_jobs_sum") == 3
    assert of(samples, "onewriter_enqueue_flush_jobs_bucket", le="1") == 3
    assert of(samples, "onewriter_enqueue_backlog") == 0
    assert of(samples, "process_resident_memory_bytes") > 0


async def test_counters_only_grow(api: Api) -> None:
    def counters(samples: Samples) -> Samples:
        return {
            key: value for key, value in samples.items() if key[0].endswith(("_total", "_count", "_bucket"))
        }

    before = counters(await scrape(api))
    for _ in range(5):
        await api.enqueue()
    session = api.session()
    for item in session.claim(5):
        session.exchange(done=[[item["id"], item["claim_no"], None, None]])
    api.db.connect("admin").execute("delete from procrastinate.procrastinate_jobs")
    after = counters(await scrape(api))
    assert before.keys() <= after.keys()
    assert all(after[key] >= value for key, value in before.items())
    assert of(after, "onewriter_jobs_enqueued_total") == 5


async def test_openmetrics_where_it_is_asked_for(api: Api) -> None:
    reply = await api.get("/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert reply.headers["Content-Type"].startswith("application/openmetrics-text")
    assert any(family.name == "onewriter_http_requests" for family in read_openmetrics(reply.body.decode()))


async def test_a_fresh_answer_is_not_read_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measurements, "FRESH", 3600.0)
    before = of(await scrape(api), "onewriter_jobs_enqueued_total")
    await api.enqueue()
    again = await scrape(api)
    assert of(again, "onewriter_jobs_enqueued_total") == before
    assert of(again, "onewriter_http_requests_total", method="POST", route="/v1/jobs", status="201") == 1


async def test_two_processes_share_nothing(api: Api) -> None:
    await api.enqueue()
    other = make_app(Settings(_env_file=None))
    assert other[TRAFFIC].routes
    assert not any(route.by_status for route in other[TRAFFIC].routes.values())


async def test_without_an_answer_the_process_still_tells_of_itself(api: Api) -> None:
    await api.enqueue()
    assert of(await scrape(api), "onewriter_database_up") == 1
    api.db.connect("admin").execute("revoke execute on function server_api.metrics from onewriter_server")
    samples = await scrape(api)
    assert of(samples, "onewriter_database_up") == 0
    assert of(samples, "onewriter_enqueue_flush_jobs_count") == 1
    assert not [name for name, _ in samples if name.startswith("onewriter_queue")]
