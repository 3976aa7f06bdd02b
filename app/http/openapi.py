"""OpenAPI 3.1 from the registry of routes and the types they name."""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import msgspec

from app.errors import (
    BodyEncoded,
    BodyTooLarge,
    BodyTooSlow,
    DatabaseUnavailable,
    Invalid,
    Malformed,
    MissingScope,
    OnewriterError,
    Overloaded,
    Quarantined,
    RateLimited,
    Unauthenticated,
    Unexpected,
)
from app.http.problems import CONTENT_TYPE, PATH
from app.http.registry import REQUEST_ID, TOKEN, Answer, Route

REF = "#/components/schemas/{name}"
PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
HEADERS: dict[str, dict[str, Any]] = {
    "Idempotency-Key": {
        "description": "the same key and body within 24 hours is answered with the same job",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    },
    "If-Match": {
        "description": "the ETag that it was read with, or *: else a 412",
        "schema": {"type": "string"},
    },
    "If-None-Match": {
        "description": "* on PUT: only a new one, else a 412; ETags on GET: what is known is a 304",
        "schema": {"type": "string"},
    },
    "Last-Event-ID": {"description": "resumes a stream after this event", "schema": {"type": "string"}},
}
NO_CONTENT = (204, 304)
ANSWER_HEADERS: dict[str, dict[str, Any]] = {
    "Location": {"description": "what was made", "schema": {"type": "string", "format": "uri-reference"}},
    "ETag": {"description": "the revision, in quotes", "schema": {"type": "string"}},
    "Idempotent-Replayed": {"description": "true on a replay", "schema": {"type": "string"}},
}


def make_openapi(routes: Sequence[Route], *, version: str) -> bytes:
    types = _types(routes)
    _, schemas = msgspec.json.schema_components(types, schema_hook=_any, ref_template=REF)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    document = {
        "openapi": "3.1.0",
        "info": {"title": "onewriter", "version": version, "license": {"name": "MIT", "identifier": "MIT"}},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": {**schemas, "Problem": PROBLEM},
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "an API key: ow_…"},
                "token": {
                    "type": "apiKey",
                    "in": "query",
                    "name": TOKEN,
                    "description": "of POST …/events-token, for that job",
                },
            },
        },
    }
    return msgspec.json.encode(document)


def _types(routes: Iterable[Route]) -> list[Any]:
    named = [route.body for route in routes if route.body]
    return [*named, *(answer.body for route in routes for answer in route.answers if answer.body)]


def _any(kind: type) -> dict[str, Any]:
    if kind is msgspec.Raw:
        return {}
    raise NotImplementedError(kind)


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "responses": {**_answers(route.answers), **_problems(route)},
    }
    parameters = [*_path_parameters(route), *_query_parameters(route), *_header_parameters(route)]
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        schema = {"$ref": REF.format(name=route.body.__name__)}
        operation["requestBody"] = {
            "required": not route.body_optional,
            "content": {"application/json": {"schema": schema}},
        }
    if route.scope is not None:
        operation["security"] = [{"key": []}, *([{"token": []}] if route.takes_token else [])]
        operation["description"] = f"Needs the scope `{route.scope}`."
    return operation


def _operation_id(route: Route) -> str:
    return re.sub(r"\W+", "_", f"{route.method.lower()}{route.path}").strip("_")


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    names = re.findall(r"{(\w+)}", route.path)
    return [{"name": name, "in": "path", "required": True, "schema": _path_schema(name)} for name in names]


def _path_schema(name: str) -> dict[str, Any]:
    return {"type": "integer", "minimum": 1} if name.endswith("_id") else {"type": "string", "minLength": 1}


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    (reference,), components = msgspec.json.schema_components([route.query], ref_template="{name}")
    schema = components[reference["$ref"]]
    return [
        {"name": name, "in": "query", "schema": _plain(prop)} for name, prop in schema["properties"].items()
    ]


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter that isn't given is null; one that is given is never the word null."""
    options = [option for option in schema.get("anyOf", ()) if option != {"type": "null"}]
    if len(options) == 1:
        return dict(options[0])
    if None in schema.get("enum", ()):
        return {"enum": [value for value in schema["enum"] if value is not None]}
    return schema


def _header_parameters(route: Route) -> list[dict[str, Any]]:
    return [{"name": name, "in": "header", **HEADERS[name]} for name in route.headers]


def _answers(answers: Iterable[Answer]) -> dict[str, Any]:
    return {str(answer.status): _answer(answer) for answer in answers}


def _answer(answer: Answer) -> dict[str, Any]:
    shown: dict[str, Any] = {"description": answer.says}
    if answer.headers:
        shown["headers"] = {name: ANSWER_HEADERS[name] for name in answer.headers}
    if answer.body is not None:
        shown["content"] = {answer.media: {"schema": {"$ref": REF.format(name=answer.body.__name__)}}}
    elif answer.status not in NO_CONTENT:
        shown["content"] = {media: {} for media in (answer.media, *answer.more_media)}
    return shown


def route_errors(route: Route) -> list[type[OnewriterError]]:
    """What this route may answer beyond its successes: its own errors, and those its needs bring along."""
    errors: set[type[OnewriterError]] = {*route.errors, Unexpected}
    if route.scope is not None:
        errors |= {Unauthenticated, MissingScope, RateLimited, DatabaseUnavailable, Overloaded}
    if route.scope is not None:
        errors.add(Invalid)
    if route.changes:
        errors.add(Quarantined)
    if route.body is not None:
        errors |= {Malformed, BodyTooLarge, BodyTooSlow, BodyEncoded}
    return sorted(errors, key=lambda error: (error.problem.status, error.problem.slug))


def _problems(route: Route) -> dict[str, Any]:
    by_status = groupby(route_errors(route), key=lambda error: error.problem.status)
    return {str(status): _problem([error.problem.slug for error in errors]) for status, errors in by_status}


def _problem(slugs: list[str]) -> dict[str, Any]:
    only = {"properties": {"type": {"enum": [PATH + slug for slug in slugs]}}}
    schema = {"allOf": [{"$ref": REF.format(name="Problem")}, only]}
    return {
        "description": ", ".join(slugs),
        "headers": {REQUEST_ID: {"schema": {"type": "string"}}},
        "content": {CONTENT_TYPE: {"schema": schema}},
    }
