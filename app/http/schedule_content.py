"""Definitions in bodies: first as the OpenAPI document has them, then for what no schema says."""

from typing import Any

import msgspec

from app.http.content import decode, decode_any
from app.http.schedule_bodies import NewSchedule, SchedulePatch
from app.schedules import Definition, decode_definition

_DEFINITION = msgspec.json.Decoder(Definition)
_NEW = msgspec.json.Decoder(NewSchedule)
_PATCH = msgspec.json.Decoder(SchedulePatch)


def read_definition(body: bytes) -> Definition:
    """Raises Malformed, Invalid."""
    decode(_DEFINITION, body)
    return decode_definition(body)


def read_new(body: bytes) -> tuple[str, Definition]:
    """A name and its definition. Raises Malformed, Invalid."""
    name = decode(_NEW, body).name
    fields = decode_any(body)
    del fields["name"]
    return name, decode_definition(fields)


def read_patch(body: bytes) -> dict[str, Any]:
    """Its fields as they are: a null says what a missing one does not. Raises Malformed, Invalid."""
    decode(_PATCH, body)
    fields = decode_any(body)
    assert isinstance(fields, dict)
    return fields
