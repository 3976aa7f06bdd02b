"""A periodic task as stock Procrastinate has it."""

from procrastinate import Blueprint

clock = Blueprint()


@clock.periodic(cron="* * * * * *", periodic_id="often", task_kwargs={"note": "x"})
@clock.task(name="tick")
async def tick(timestamp: int, note: str) -> list[object]:
    return [timestamp, note]


tick.onewriter_group = "clocks"  # type: ignore[attr-defined]
