"""`onewriter serve`: the HTTP API."""

import logging

import click
import uvloop

from app.http.main import serve as serve_http
from app.settings import Settings


@click.command()
@click.option("--host", help="Address to listen on. [ONEWRITER_HOST, 127.0.0.1]")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port; 0 picks a free one. [ONEWRITER_PORT, 8080]"
)
def serve(host: str | None, port: int | None) -> None:
    """Serve the HTTP API until it is told to stop (SIGTERM, Ctrl-C)."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # LISTEN tells of an outage, in one line
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = Settings().model_copy(update=given)
    try:
        uvloop.run(serve_http(settings, announce=lambda url: click.echo(f"serving on {url}", err=True)))
    except OSError as exc:
        raise click.ClickException(
            f"cannot listen on {settings.host}:{settings.port}: {exc.strerror}"
        ) from exc
