"""A batch that is enqueued all or nothing."""

from collections.abc import Sequence

import msgspec

from app.commands.jobs_in import Cause, Idempotency, JobIn, Replay
from app.database.calls import call_object
from app.database.pool import Connection
from app.database.repeat import repeated

STATEMENT = "select server_api.enqueue_batch(%s, %s, %s)"
_encode = msgspec.json.Encoder().encode


async def enqueue_batch(
    conn: Connection, *, jobs: Sequence[JobIn], cause: Cause, idempotency: Idempotency | None
) -> list[int] | Replay:
    """The ids in order. Raises psycopg errors; OWQ01 has the index of the job whose lock is taken."""
    given = None if idempotency is None else _encode(idempotency).decode()
    values = (_encode(jobs).decode(), _encode(cause).decode(), given)
    answer = await repeated(lambda: call_object(conn, STATEMENT, *values))
    if "replay" in answer:
        return msgspec.convert(answer["replay"], Replay)
    return list(answer["ids"])
