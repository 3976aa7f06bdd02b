"""`onewriter`: the commands by name, and the one place where an error becomes a line and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import psycopg
import rich_click as click
from click.exceptions import Exit, NoArgsIsHelpError
from pydantic import ValidationError

from app.database.sqlstates import translate
from app.errors import Conflict, Invalid, NotFound, OnewriterError, Unexpected
from app.schema.harden import NotHardened
from app.schema.sqlfiles import ContractError
from app.settings import PREFIX

OK, FAILURE, USAGE, NOT_FOUND, CONFLICT, INTERRUPTED = 0, 1, 2, 3, 4, 130

# Imported when used: `onewriter keys ls` needs no web server.
COMMANDS = {
    "serve": "app.cli.serve:serve",
    "scheduler": "app.cli.scheduler:scheduler",
    "migrate": "app.cli.migrate:migrate",
    "harden": "app.cli.harden:harden",
    "doctor": "app.cli.doctor:doctor",
    "ownership": "app.cli.ownership:ownership",
    "sql": "app.cli.sql:sql",
    "config": "app.cli.config:config",
    "logins": "app.cli.logins:logins",
    "dba": "app.cli.logins:dba",
    "workers": "app.cli.workers:workers",
    "keys": "app.cli.keys:keys",
    "tasks": "app.cli.tasks:tasks",
    "handlers": "app.cli.handlers:handlers",
    "domain": "app.cli.domain:domain",
    "queues": "app.cli.queues:queues",
    "jobs": "app.cli.jobs:jobs",
    "schedules": "app.cli.schedules:schedules",
    "webhooks": "app.cli.webhooks:webhooks",
    "audit": "app.cli.audit:audit",
    "alerts": "app.cli.alerts:alerts",
    "secrets": "app.cli.secrets:secrets",
    "environment": "app.cli.environment:environment",
    "arm": "app.cli.environment:arm",
}


class Commands(click.RichGroup):
    """The group whose members are named in COMMANDS."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> Any:  # noqa: ARG002
        module, _, name = COMMANDS.get(cmd_name, "").partition(":")
        return getattr(import_module(module), name) if module else None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="onewriter")
def cli() -> None:
    """A Postgres-native job queue whose workers cannot write to your database.

    Exit codes: 0 ok, 1 failure or findings, 2 usage, 3 not found, 4 conflict.
    """


def main() -> None:
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code."""
    try:
        code: object = cli.main(list(arguments), prog_name="onewriter", standalone_mode=False)
    except NoArgsIsHelpError as error:
        error.show()
        return USAGE
    except click.ClickException as error:
        return _say(error.format_message(), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return _say("interrupted", INTERRUPTED)
    except Exit as error:
        return error.exit_code
    except (OnewriterError, psycopg.Error, OSError, ValidationError, NotHardened, ContractError) as error:
        return _say(*explain(error))
    return code if isinstance(code, int) else OK


def explain(error: Exception) -> tuple[str, int]:
    """One line and an exit code for an error that is no defect."""
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False, include_url=False)[0]
        return f"{PREFIX}{'.'.join(map(str, first['loc'])).upper()}: {first['msg']}", USAGE
    typed = translate(error) if isinstance(error, psycopg.Error) else error
    return _line(typed, error), _exit_code(typed)


def _line(typed: Exception, original: Exception) -> str:
    if isinstance(typed, Unexpected) or not str(typed):
        message = str(original)
    elif isinstance(original, psycopg.Error) and original.sqlstate is None:
        message = str(original)  # a connection that failed: libpq's own words say why
    else:
        fields = (f"{e.field}: {e.message}" for e in getattr(typed, "errors", ()))
        message = "; ".join([str(typed), *(field for field in fields if field not in str(typed))])
    return message.strip().split("\n")[0]


def _exit_code(error: Exception) -> int:
    for kind, code in ((NotFound, NOT_FOUND), (Conflict, CONFLICT), (Invalid, USAGE)):
        if isinstance(error, kind):
            return code
    return FAILURE


def _say(line: str, code: int) -> int:
    click.echo(f"onewriter: {line}", err=True)
    return code
