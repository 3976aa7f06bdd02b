"""The queues that are measured, by name."""

from collections.abc import Callable

from bench.peer import Peer
from bench.peers.chancy import Chancy, ChancyTuned
from bench.peers.graphile_worker import GraphileWorker, GraphileWorkerTuned
from bench.peers.onewriter import Onewriter
from bench.peers.pg_boss import PgBoss, PgBossTuned
from bench.peers.pgqueuer import PgQueuer, PgQueuerTuned
from bench.peers.procrastinate import Procrastinate, ProcrastinateTuned
from bench.peers.raw import Raw100, Raw1000
from bench.server import Server

PEERS: dict[str, Callable[[Server], Peer]] = {
    peer.name: peer
    for peer in (
        Procrastinate,
        ProcrastinateTuned,
        PgQueuer,
        PgQueuerTuned,
        Chancy,
        ChancyTuned,
        GraphileWorker,
        GraphileWorkerTuned,
        PgBoss,
        PgBossTuned,
        Onewriter,
        Raw100,
        Raw1000,
    )
}
