"""What is measured, by name, in the order of the report."""

from bench.workload import Workload
from bench.workloads.backlog import Backlog
from bench.workloads.cost import Cost
from bench.workloads.delayed import Delayed
from bench.workloads.drain import Drain
from bench.workloads.enqueue_bulk import EnqueueBulk
from bench.workloads.enqueue_single import EnqueueSingle
from bench.workloads.http import HttpEnqueue
from bench.workloads.http_result import HttpResult
from bench.workloads.idle import IdleMinute
from bench.workloads.locks import Locks
from bench.workloads.mix import Mix
from bench.workloads.naps import Naps
from bench.workloads.pickup import Pickup
from bench.workloads.schedules import Schedules
from bench.workloads.snapshot import Snapshot
from bench.workloads.sustained import Sustained

WORKLOADS: dict[str, Workload] = {
    workload.name: workload
    for workload in (
        Drain(1, times=1.1),
        Drain(2, times=1.4),
        EnqueueSingle(),
        EnqueueBulk(),
        HttpEnqueue(8, times=3.0),
        HttpEnqueue(64, times=5.0),
        HttpResult(),
        Pickup(),
        Delayed(),
        Sustained(),
        Naps(),
        Mix(),
        Locks(),
        Backlog(),
        Snapshot(),
        IdleMinute(),
        Schedules(),
        Cost(),
    )
}
