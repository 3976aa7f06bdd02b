"""What is measured, by name, in the order of the report."""

from bench.workload import Workload
from bench.workloads.cost import Cost
from bench.workloads.drain import Drain
from bench.workloads.enqueue_bulk import EnqueueBulk
from bench.workloads.enqueue_single import EnqueueSingle
from bench.workloads.http import HttpEnqueue
from bench.workloads.idle import IdleMinute
from bench.workloads.pickup import Pickup

WORKLOADS: dict[str, Workload] = {
    workload.name: workload
    for workload in (
        Drain(1),
        Drain(2),
        EnqueueSingle(),
        EnqueueBulk(),
        HttpEnqueue(8),
        HttpEnqueue(64),
        Pickup(),
        IdleMinute(),
        Cost(),
    )
}
