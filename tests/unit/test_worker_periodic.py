"""@app.periodic as schedules: the same fires as stock's, or none at all."""

from datetime import UTC, date, datetime
from itertools import islice
from typing import Any

import pytest

from app.schedules import decode_definition, fires
from worker.app import App
from worker.catalogue import catalogue
from worker.errors import Refused
from worker.periodic import schedule


@pytest.mark.parametrize(
    "cron",
    ["* * * * *", "*/7 1,2 * * *", "0 0 l * *", "0 9 * * 5#3", "5 4 1-15/2 1-6 *", "0 0 13 * 5",
     "1 2 * * 7 9", "0 0 * jan sun", "30/10 * * * *", "0 0 1 * 1-7", "0 0 5 * 0-6", "@weekly",
     "59 23 29 2 * 59"],
)  # fmt: skip
def test_crons_fire_when_stock_would_fire_them(cron: str) -> None:
    """Against croniter itself, called as Procrastinate does: with Unix seconds, which it reads in UTC."""
    (periodic,) = _periodic(cron).periodic_registry.periodic_tasks.values()
    definition = decode_definition(schedule(periodic)["definition"])
    start = datetime(2027, 2, 25, 23, 59, 58, tzinfo=UTC)
    ours = [fire.planned.timestamp() for fire in islice(fires(definition, start), 50)]
    periodic.croniter.set_current(start_time=start.timestamp())
    assert ours == [periodic.croniter.get_next(ret_type=float) for _ in ours]


@pytest.mark.parametrize(
    "cron",
    ["R * * * *", "H * * * *", "0 0 1 1 * 0 2030", "0 0 ? * *", "0 0 15w * *", "0 0 * * l5", "0 22-4 * * *",
     "0 0 */2 * 1", "5-5 * * * *", "0 0 * * 5/2", "0 0 15 * 5#3", "not a cron", "", "99 * * * *"],
)  # fmt: skip
def test_crons_that_read_differently_are_refused(cron: str) -> None:
    with pytest.raises(Refused, match=r"The schedule tick with cron .* cannot be published: .+\.$"):
        catalogue(_periodic(cron))


@pytest.mark.parametrize(
    "options", [{"schedule_in": {"seconds": 5}}, {"task_kwargs": {"day": date(2027, 1, 1)}}]
)
def test_what_no_schedule_can_say_is_refused(options: Any) -> None:
    with pytest.raises(Refused, match="The schedule tick "):
        catalogue(_periodic("* * * * *", **options))


def _periodic(cron: str, **options: Any) -> App:
    app = App()

    @app.periodic(cron=cron, **options)
    @app.task(name="tick")
    def tick(timestamp: int) -> None: ...

    return app
