"""RFC 9457: an error becomes an answer here and nowhere else."""

import logging
from typing import Any

import msgspec
import psycopg
from aiohttp import web

from app.database.sqlstates import translate
from app.errors import (
    BodyEncoded,
    BodyTooLarge,
    MethodNotAllowed,
    OnewriterError,
    Unauthenticated,
    Unexpected,
)

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
PATH = "/problems/"


def problem_response(error: OnewriterError) -> web.Response:
    problem = error.problem
    return web.Response(
        status=problem.status,
        body=msgspec.json.encode(document(error)),
        content_type=CONTENT_TYPE,
        headers=_headers(error),
    )


def document(error: OnewriterError) -> dict[str, Any]:
    problem = error.problem
    body: dict[str, Any] = {"type": PATH + problem.slug, "title": problem.title, "status": problem.status}
    if error.detail:
        body["detail"] = error.detail
    if error.errors:
        body["errors"] = error.errors
    return {**error.facts, **body}


def from_exception(exc: Exception, request_id: str) -> OnewriterError:
    """Whatever a handler raised, as one of ours; what nobody expected is logged, never told."""
    if isinstance(exc, web.HTTPRequestEntityTooLarge):
        return BodyTooLarge()
    error = translate(exc) if isinstance(exc, OnewriterError | psycopg.Error | OSError) else Unexpected()
    if isinstance(error, Unexpected):
        log.error("request %s broke", request_id, exc_info=exc)
    return error


def _headers(error: OnewriterError) -> dict[str, str]:
    headers = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, BodyEncoded):
        headers["Accept-Encoding"] = "identity"
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = ", ".join(error.facts["allow"])
    return headers
