"""The App of `procrastinate --app=bench.tasks.procrastinate_app.app worker`."""

import os
from typing import Any

from procrastinate import App, PsycopgConnector

from bench.tasks.counting import nap, noop, pickup

# Nothing given is the library's own default.
_pool: dict[str, Any] = {"max_size": int(os.environ["BENCH_POOL"])} if "BENCH_POOL" in os.environ else {}

app = App(connector=PsycopgConnector(conninfo=os.environ["BENCH_DSN"], **_pool))
app.task(name="bench.noop", queue="bench")(noop)
app.task(name="bench.pickup", queue="bench")(pickup)
app.task(name="bench.nap", queue="bench")(nap)
