"""Statements per login while nothing happens; all peers share the minute, each with its own logins."""

import contextlib
import time
from collections.abc import Iterator, Sequence

from bench.errors import Broken
from bench.figures import Metric, Sample
from bench.peer import Idle, Peer
from bench.processes import Running, background
from bench.workload import Bench, Measured, Workload

# What starting costs is over by then.
SETTLE = 5.0
# A worker's lease of 15 s is renewed every 5 s.
HEARTBEATS = 60 / 5


class IdleMinute(Workload):
    name = "idle"
    title = "idle"
    metrics = (
        Metric("worker", "idle: a worker", "statements/min", higher_is_better=False, most=HEARTBEATS),
        Metric("api", "idle: the API", "statements/min", higher_is_better=False, most=0.0),
        Metric("scheduler", "idle: the scheduler", "statements/min", higher_is_better=False, most=18.0),
    )
    once = True

    def measure_all(self, bench: Bench, peers: Sequence[Peer]) -> Iterator[tuple[Peer, Measured]]:
        for peer in peers:
            peer.clear()
        waiting = {peer: peer.idle(bench.tally) for peer in peers}
        try:
            yield from self._measure_together(bench, waiting)
        except Broken as broken:
            for peer in peers:
                yield peer, broken

    def _measure_together(
        self, bench: Bench, waiting: dict[Peer, list[Idle]]
    ) -> Iterator[tuple[Peer, Measured]]:
        seconds = bench.sizes.idle_seconds
        with contextlib.ExitStack() as stack:
            running = [
                stack.enter_context(_started(bench, p, i)) for p, idle in waiting.items() for i in idle
            ]
            time.sleep(SETTLE)
            with bench.server.counting_statements() as counted:
                time.sleep(seconds)
            for process in running:
                process.require_alive()
        for peer, idle in waiting.items():
            yield peer, {each.label: counted[each.login] * 60 / seconds for each in idle}

    def measure(self, bench: Bench, peer: Peer) -> Sample:
        """Alone, for whoever asks for one peer."""
        (_, measured), *_ = self.measure_all(bench, [peer])
        if isinstance(measured, Broken):
            raise measured
        return measured


def _started(bench: Bench, peer: Peer, idle: Idle) -> contextlib.AbstractContextManager[Running]:
    return background(idle.command, bench.logs / f"bench-{peer.name}-idle-{idle.label}.log")
