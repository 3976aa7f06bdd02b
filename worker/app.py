"""The App for workers: stock tasks, blueprints and options; a job manager that writes nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import procrastinate
from procrastinate import worker as stock

from worker import settings
from worker.errors import Refused
from worker.modules import load_modules
from worker.process import IGNORED, Worker
from worker.refusal import RefusingJobManager, SilentConnector


class App(procrastinate.App):
    """Give it to `procrastinate --app=...`; tasks may be declared on it or come from task modules."""

    def __init__(self, *, modules: Callable[[], list[str]] = list, **options: Any):
        super().__init__(connector=SilentConnector(lambda: settings.read().dsn), **options)
        self.job_manager = RefusingJobManager(connector=self.connector)
        self._modules: Callable[[], list[str]] | None = modules

    def perform_import_paths(self) -> None:
        """Stock calls this before it looks at tasks; task modules are loaded then, once."""
        super().perform_import_paths()  # type: ignore[no-untyped-call]
        modules, self._modules = self._modules, None
        if modules is not None:
            load_modules(self, modules())

    def _worker(self, **options: Any) -> stock.Worker:
        final = {**self.worker_defaults, **options}
        ignored = tuple(name for name in IGNORED if name in final)
        return Worker(self, ignored=ignored, **final)

    async def run_worker_async(self, **options: Any) -> None:
        """As stock; a refusal is one sentence and exit code 2."""
        try:
            await super().run_worker_async(**options)
        except Refused as refused:
            print(refused, file=sys.stderr, flush=True)
            raise SystemExit(2) from None
