"""From results to rows: a value per peer, and what onewriter's is to the best other queue's."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.figures import Metric, Sample, is_met, medians, times_better
from bench.peer import Peer
from bench.runner import Result

OURS = "onewriter"


@dataclass(frozen=True, slots=True)
class Entrant:
    """What the report says of a peer; `queue` is what its modes have in common."""

    name: str
    queue: str
    ceiling: bool
    settings: str
    keeps: str

    @property
    def mode(self) -> str:
        """Empty for the one that has the queue's own name."""
        return self.name.removeprefix(self.queue).removeprefix("-")


@dataclass(frozen=True, slots=True)
class Row:
    """One metric: a value per peer that has one, how many times better ours is, and whether as expected."""

    workload: str
    metric: Metric
    values: Sample
    ratio: float | None
    met: bool | None


def entrants(peers: Sequence[Peer]) -> dict[str, Entrant]:
    return {
        peer.name: Entrant(peer.name, peer.queue, peer.ceiling, peer.settings, peer.keeps) for peer in peers
    }


def all_rows(results: Sequence[Result], entered: Mapping[str, Entrant]) -> list[Row]:
    return [row for result in results for row in rows(result, entered, results)]


def rows(result: Result, entered: Mapping[str, Entrant], results: Sequence[Result]) -> list[Row]:
    """Of one of the results; metrics that nobody could measure are left out."""
    measured = {each.workload.name: _medians(each) for each in results}
    found = Found(result.workload.name, measured, {name for name, each in entered.items() if each.ceiling})
    return [row for metric in result.workload.metrics for row in found.rows(metric)]


def _medians(result: Result) -> dict[str, Sample]:
    return {peer: medians(samples) for peer, samples in result.samples.items()}


@dataclass(frozen=True, slots=True)
class Found:
    """One workload's medians among those of all."""

    workload: str
    measured: Mapping[str, Mapping[str, Sample]]
    ceilings: set[str]

    def rows(self, metric: Metric) -> Iterator[Row]:
        values = self._values(self.workload, metric.key)
        if not values:
            return
        yield self._row(metric, values, self._values(metric.against or self.workload, metric.key))
        ceiling = metric.best([value for peer, value in values.items() if peer in self.ceilings])
        if metric.of_ceiling is not None and ceiling:
            shares = {p: value / ceiling for p, value in values.items() if p not in self.ceilings}
            yield self._row(metric.share_of_ceiling(), shares, shares)

    def _values(self, workload: str, key: str) -> Sample:
        samples = self.measured.get(workload, {})
        return {peer: sample[key] for peer, sample in samples.items() if key in sample}

    def _row(self, metric: Metric, values: Sample, compared: Sample) -> Row:
        others = [value for peer, value in compared.items() if peer != OURS and peer not in self.ceilings]
        ours = values.get(OURS)
        ratio = None if ours is None else times_better(metric, ours, others)
        met = None if ours is None else is_met(metric, ours, ratio)
        return Row(self.workload, metric, values, ratio, met)
