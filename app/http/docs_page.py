"""/docs: the OpenAPI document as a page to read. One operation a block; what links is a link."""

import re
from collections.abc import Iterable
from html import escape
from typing import Any

from app.http.problems import CONTENT_TYPE, PATH

Schema = dict[str, Any]
_REF = "#/components/schemas/"
_INTRO = (
    "<p>Send <code>Authorization: Bearer ow_…</code> with a key from <code>onewriter keys create</code>. "
    'The same as data: <a href="/openapi.json">/openapi.json</a>. '
    'Every refusal is a problem with a type, a title and fields: <a href="/problems">/problems</a>.</p>'
)


def render(document: dict[str, Any]) -> str:
    """The page's body."""
    schemas: dict[str, Schema] = document["components"]["schemas"]
    operations = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    contents = "".join(
        f'<li><a href="#{operation["operationId"]}"><b class="{method}">{method.upper()}</b> '
        f"<code>{escape(path)}</code></a> {escape(operation['summary'])}"
        for path, method, operation in operations
    )
    blocks = "".join(_operation(path, method, operation, schemas) for path, method, operation in operations)
    named = "".join(_named(name, schema) for name, schema in schemas.items())
    return f'{_INTRO}<ul class="contents">{contents}</ul>{blocks}<h2>Shapes</h2>{named}'


def _operation(path: str, method: str, operation: dict[str, Any], schemas: dict[str, Schema]) -> str:
    head = (
        f'<section id="{operation["operationId"]}"><h2><b class="{method}">{method.upper()}</b> '
        f"<code>{escape(path)}</code></h2><p>{escape(operation['summary'])}. "
        f"{_codes(operation.get('description', 'Open to everyone.'))}</p>"
    )
    parts = [
        head,
        _parameters(operation.get("parameters", ())),
        _body(operation.get("requestBody"), schemas),
        _answers(operation["responses"]),
    ]
    return "".join(parts) + "</section>"


def _parameters(parameters: Iterable[dict[str, Any]]) -> str:
    rows = [
        _row(
            parameter["name"],
            parameter["schema"],
            required=parameter.get("required", False),
            says=parameter.get("description", ""),
            where=parameter["in"],
        )
        for parameter in parameters
    ]
    return f"<h3>Parameters</h3><table>{''.join(rows)}</table>" if rows else ""


def _body(body: dict[str, Any] | None, schemas: dict[str, Schema]) -> str:
    if body is None:
        return ""
    schema = body["content"]["application/json"]["schema"]
    name = schema["$ref"].removeprefix(_REF)
    optional = "" if body["required"] else " (optional)"
    return f"<h3>Body{optional}</h3>{_fields(schemas[name])}"


def _answers(responses: dict[str, Any]) -> str:
    rows = "".join(_answer(status, response) for status, response in responses.items())
    return f"<h3>Answers</h3><table>{rows}</table>"


def _answer(status: str, response: dict[str, Any]) -> str:
    content = response.get("content", {})
    if CONTENT_TYPE in content:
        links = (f'<a href="{PATH}{slug}">{slug}</a>' for slug in response["description"].split(", "))
        says = ", ".join(links)
    else:
        shapes = [_type(media["schema"]) for media in content.values() if "schema" in media]
        headers = [f"<code>{escape(name)}</code>" for name in response.get("headers", ())]
        says = " · ".join([escape(response["description"]), *shapes, *headers])
    return f"<tr><td>{status}<td>{says}"


def _named(name: str, schema: Schema) -> str:
    says = f"<p>{escape(schema['description'])}</p>" if "description" in schema else ""
    return f'<section id="{name}"><h3>{name}</h3>{says}{_fields(schema)}</section>'


def _fields(schema: Schema) -> str:
    required = schema.get("required", ())
    rows = [
        _row(name, field, required=name in required, says=field.get("description", ""))
        for name, field in schema.get("properties", {}).items()
    ]
    return f"<table>{''.join(rows)}</table>" if rows else f"<p>{_type(schema)}</p>"


def _row(name: str, schema: Schema, *, required: bool, says: str, where: str = "") -> str:
    mark = "<td>required" if required else "<td>"
    place = f"<td>{where}" if where else ""
    return f"<tr><td><code>{escape(name)}</code>{place}<td>{_type(schema)}{mark}<td>{_codes(says)}"


def _type(schema: Schema) -> str:
    """A schema in a few words: integer ≥ 1, string ≤ 128, Job, list of Job, or nothing."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_REF)
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(option) for option in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if schema.get("type") == "array":
        return "list of " + _type(schema.get("items", {})) + _bounds(schema, "minItems", "maxItems")
    kind = schema.get("format") or schema.get("type") or "any JSON"
    return (
        escape(str(kind)) + _bounds(schema, "minimum", "maximum") + _bounds(schema, "minLength", "maxLength")
    )


def _bounds(schema: Schema, least: str, most: str) -> str:
    low = f" ≥ {schema[least]}" if least in schema else ""
    return low + (f" ≤ {schema[most]}" if most in schema else "")


def _codes(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
