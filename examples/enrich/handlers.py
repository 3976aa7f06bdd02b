"""What the API side does with the results: each in one transaction with the acknowledgement."""

from typing import Any

from app.handlers import Event, enqueue, on


@on("enrich.lookup", "succeeded")
async def fill_in(conn: Any, event: Event) -> None:
    """Writes the entity, and starts the next step: both or neither."""
    entity, found = event.args["entity"], event.result
    await conn.execute(
        "update entities.entity set town = %s, state = 'enriched', lookups = %s where id = %s",
        [found["town"], event.attempt, entity],
    )
    await enqueue(conn, "enrich.welcome", entity=entity, town=found["town"])


@on("enrich.lookup", "failed")
async def give_up(conn: Any, event: Event) -> None:
    await conn.execute(
        "update entities.entity set state = 'unknown', lookups = %s where id = %s",
        [event.attempt, event.args["entity"]],
    )


@on("enrich.welcome", "succeeded")
async def welcomed(conn: Any, event: Event) -> None:
    await conn.execute("update entities.entity set state = 'welcomed' where id = %s", [event.args["entity"]])
