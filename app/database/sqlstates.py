"""The one place where a psycopg error becomes one of ours: by SQLSTATE, never by message text."""

import json
from typing import Any

import psycopg

from app.errors import (
    DatabaseUnavailable,
    FieldError,
    Invalid,
    OnewriterError,
    Overloaded,
    Quarantined,
    Unavailable,
    Unexpected,
    error_types,
)

RETRY_AFTER = 1
OURS = "OW"
# The statement may simply be repeated: serialization failure, deadlock, lock not available.
REPEATABLE = frozenset({"40001", "40P01", "55P03"})
# The statement's content is at fault (data exception, constraint), so a neighbour in its batch is not.
CONTENT_CLASSES = frozenset({"22", "23"})
# Connection exception, authorization, resources, operator intervention.
AWAY_CLASSES = frozenset({"08", "28", "53", "57"})
TIMED_OUT = "57014"
# The database is a copy that nobody armed, or another environment's: nobody's content is at fault.
QUARANTINED = frozenset(Quarantined.problem.sqlstates)

ERRORS: dict[str, type[OnewriterError]] = {
    sqlstate: error for error in error_types() for sqlstate in error.problem.sqlstates
}


def translate(exc: BaseException) -> OnewriterError:
    """Shape: a typed error with the fields and facts that the function put into its JSON DETAIL."""
    if isinstance(exc, OnewriterError):
        return exc
    if is_away(exc):
        return DatabaseUnavailable(retry_after=RETRY_AFTER)
    return _from_database(exc) if isinstance(exc, psycopg.Error) else Unexpected()


def _from_database(exc: psycopg.Error) -> OnewriterError:
    state = exc.sqlstate
    if state in ERRORS:
        return _ours(ERRORS[state], exc)
    if state == TIMED_OUT or state in REPEATABLE:
        return Overloaded(retry_after=RETRY_AFTER)
    # without a SQLSTATE: psycopg itself could not put a value on the wire
    if is_content(exc) or (state is None and isinstance(exc, psycopg.DataError)):
        return _refused(exc)
    return Unexpected()


def is_away(exc: BaseException) -> bool:
    """Whether the connection, not the statement, is at fault."""
    if not isinstance(exc, psycopg.Error):
        return isinstance(exc, OSError)
    state = exc.sqlstate
    if state is None:
        return isinstance(exc, psycopg.OperationalError | psycopg.InterfaceError)
    return state[:2] in AWAY_CLASSES and state != TIMED_OUT


def is_content(exc: psycopg.Error) -> bool:
    """Whether one item's content is at fault, so that the others deserve another try."""
    state = exc.sqlstate or ""
    return state[:2] in CONTENT_CLASSES or (state.startswith(OURS) and state not in QUARANTINED)


def is_repeatable(exc: psycopg.Error) -> bool:
    return exc.sqlstate in REPEATABLE


def detail_of(exc: psycopg.Error) -> dict[str, Any]:
    """The JSON object in an error's DETAIL; empty if there is none."""
    try:
        facts = json.loads(exc.diag.message_detail or "{}")
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def _refused(exc: psycopg.Error) -> Invalid:
    message = exc.diag.message_primary or "the database cannot hold this value"
    return Invalid(message, errors=[FieldError("body", message)])


def _ours(error: type[OnewriterError], exc: psycopg.Error) -> OnewriterError:
    facts = detail_of(exc)
    field, message = facts.pop("field", None), facts.pop("message", None)
    errors = [FieldError(str(field), str(message or exc.diag.message_primary or ""))] if field else []
    # `status` is a member of every problem already: the HTTP status
    if "status" in facts:
        facts["job_status"] = facts.pop("status")
    wait = RETRY_AFTER if issubclass(error, Unavailable) else None
    return error(exc.diag.message_primary or "", errors=errors, facts=facts, retry_after=wait)
