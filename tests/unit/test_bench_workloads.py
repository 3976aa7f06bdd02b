"""What the workloads promise the runner and the report, without measuring anything."""

from pathlib import Path
from typing import cast

import psycopg
import pytest

from bench.errors import Broken
from bench.figures import Sample
from bench.peer import Peer
from bench.plots import PLOTS
from bench.server import unreached
from bench.tally import Tally
from bench.workload import Bench, Sizes, Workload
from bench.workloads import WORKLOADS

METRICS = {(name, metric.key): metric for name, workload in WORKLOADS.items() for metric in workload.metrics}


def test_plots_draw_what_is_measured() -> None:
    assert {key for keys in PLOTS.values() for key in keys} <= set(METRICS)


def test_what_is_compared_with_another_workload_finds_the_same_key_there() -> None:
    against = {
        (metric.against, key): METRICS[metric.against, key]
        for (_, key), metric in METRICS.items()
        if metric.against
    }
    assert list(against) == [("enqueue-single", "rate")]


@pytest.mark.parametrize("workload", WORKLOADS.values(), ids=lambda workload: workload.name)
def test_keys_and_titles_of_a_workload_are_told_apart(workload: Workload) -> None:
    assert len({metric.key for metric in workload.metrics}) == len(workload.metrics)
    assert len({metric.title for metric in workload.metrics}) == len(workload.metrics)


class Fails(Workload):
    name = title = "fails"
    metrics = ()

    def measure(self, bench: Bench, peer: Peer) -> Sample:  # noqa: ARG002
        match cast("str", peer):
            case "broken":
                raise Broken("ended by itself")
            case "refused":
                raise psycopg.OperationalError("connection refused")
        return {"rate": 1}


class Unprepared(Bench):
    def begin(self, peer: Peer) -> None:
        """There is no server."""


def test_a_peer_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    bench = Unprepared(unreached(), Tally(tmp_path / "t"), tmp_path, Sizes())
    peers = cast("list[Peer]", ["broken", "refused", "whole"])
    told = {str(peer): str(measured) for peer, measured in Fails().measure_all(bench, peers)}
    assert told == {
        "broken": "ended by itself",
        "refused": "OperationalError: connection refused",
        "whole": "{'rate': 1}",
    }


def test_a_slow_peer_gets_fewer_jobs_but_some(tmp_path: Path) -> None:
    class Slow:
        drain_jobs = 3_000

    bench = Bench(unreached(), Tally(tmp_path / "t"), tmp_path, Sizes(drain_share=0.1))
    slow = cast("Peer", Slow())
    assert (bench.drain_jobs(slow), bench.some_jobs(slow, 0.5), bench.some_jobs(slow, 0.01)) == (
        300,
        150,
        100,
    )
