"""`onewriter serve`: the HTTP API; with --all-in-one a scheduler and a worker beside it."""

import logging

import click

from app.cli.all_in_one import run_all
from app.settings import Settings


@click.command()
@click.option("--host", help="Address to listen on. [ONEWRITER_HOST, 127.0.0.1]")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port; 0 picks a free one. [ONEWRITER_PORT, 8080]"
)
@click.option(
    "--all-in-one", is_flag=True, help="API, scheduler and a worker, as three supervised processes."
)
@click.option("--queues", metavar="NAME,…", help="All in one: queues of the worker, comma-separated. [all]")
@click.option(
    "--concurrency", type=click.IntRange(1), help="All in one: jobs that the worker runs at once. [1]"
)
def serve(
    host: str | None, port: int | None, all_in_one: bool, queues: str | None, concurrency: int | None
) -> int:
    """Serve the HTTP API until it is told to stop (SIGTERM, Ctrl-C)."""
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = Settings().model_copy(update=given)
    if all_in_one:
        return run_all(settings, queues=queues, concurrency=concurrency)
    if queues is not None or concurrency is not None:
        raise click.UsageError("--queues and --concurrency are the worker's: they need --all-in-one")
    return _serve_api(settings)


def _serve_api(settings: Settings) -> int:
    # The supervisor of --all-in-one must not hold a web server, nor what the handlers need.
    import uvloop  # noqa: PLC0415

    from app.cli.handlers import refusing  # noqa: PLC0415
    from app.handlers.consumer import prepare  # noqa: PLC0415
    from app.http.main import serve as serve_http  # noqa: PLC0415

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # LISTEN tells of an outage, in one line
    registry = refusing(lambda: prepare(settings)) if settings.handlers else None
    try:
        uvloop.run(
            serve_http(settings, registry, announce=lambda url: click.echo(f"serving on {url}", err=True))
        )
    except OSError as exc:
        raise click.ClickException(
            f"cannot listen on {settings.host}:{settings.port}: {exc.strerror}"
        ) from exc
    return 0
