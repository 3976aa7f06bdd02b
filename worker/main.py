"""The App of `procrastinate --app=worker.main.app worker`."""

from __future__ import annotations

from worker.app import App
from worker.modules import entry_points
from worker.settings import task_modules

BUILT_IN = ["worker.tasks.http_request", "worker.tasks.sleep", "worker.tasks.echo", "worker.tasks.webhook"]

app = App(modules=lambda: [*BUILT_IN, *entry_points(), *task_modules()])
