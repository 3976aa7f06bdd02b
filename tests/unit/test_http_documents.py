"""The documents made from code: docs/errors.md, OpenAPI, the problem pages."""

import json
from pathlib import Path

import jsonschema_rs

from app.database.sqlstates import ERRORS
from app.errors import error_types
from app.http.errors_page import page
from app.http.openapi import make_openapi, route_errors
from app.http.routes import ROUTES

DOCS = Path(__file__).parents[2] / "docs"
OWN_SQLSTATES = {
    "OWE01", "OWE02", "OWI01", "OWK01", "OWK02", "OWK03", "OWK05", "OWN01", "OWN02", "OWN03", "OWN04",
    "OWN05", "OWN06", "OWN08", "OWQ01", "OWR01", "OWS01", "OWS02", "OWT01", "OWU01", "OWV01", "OWW01",
    "OWW02", "OWW03",
}  # fmt: skip


def test_errors_page_is_current() -> None:
    """`python -m app.http.errors_page > docs/errors.md` mends it."""
    assert (DOCS / "errors.md").read_text() == page()


def test_every_sqlstate_has_one_error() -> None:
    assert set(ERRORS) == OWN_SQLSTATES
    states = [state for error in error_types() for state in error.problem.sqlstates]
    assert len(states) == len(set(states))


def test_slugs_are_unique() -> None:
    slugs = [error.problem.slug for error in error_types()]
    assert len(slugs) == len(set(slugs))


def test_openapi_is_whole() -> None:
    document = json.loads(make_openapi(ROUTES, version="1"))
    assert document["openapi"].startswith("3.1")
    names = set(document["components"]["schemas"])
    for reference in _references(document):
        assert reference.removeprefix("#/components/schemas/") in names
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.validator_for({**schema, "components": document["components"]})


def test_operation_ids_are_unique() -> None:
    document = json.loads(make_openapi(ROUTES, version="1"))
    ids = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(ids) == len(set(ids)) == len(ROUTES)


def test_every_route_documents_its_problems() -> None:
    document = json.loads(make_openapi(ROUTES, version="1"))
    for route in ROUTES:
        responses = document["paths"][route.path][route.method.lower()]["responses"]
        for error in route_errors(route):
            assert error.problem.slug in responses[str(error.problem.status)]["description"]
            assert "application/problem+json" in responses[str(error.problem.status)]["content"]


def test_http_api_page_names_every_route() -> None:
    text = (DOCS / "http-api.md").read_text()
    for route in ROUTES:
        assert f"{route.method} {route.path}" in text, route.path


def _references(value: object) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [ref for item in value.values() for ref in _references(item)]
    if isinstance(value, list):
        return [ref for item in value for ref in _references(item)]
    return []
