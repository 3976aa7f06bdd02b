"""The JSON Schema of a task's arguments, from its type hints through pydantic."""

from __future__ import annotations

import inspect
import typing
import warnings
from collections.abc import Callable
from typing import Any

from pydantic import ConfigDict, Field, create_model
from pydantic.errors import (
    PydanticInvalidForJsonSchema,
    PydanticSchemaGenerationError,
    PydanticUndefinedAnnotation,
)

_UNUSABLE = (PydanticSchemaGenerationError, PydanticUndefinedAnnotation, PydanticInvalidForJsonSchema)


def arguments_schema(function: Callable[..., Any], *, skip_first: bool) -> dict[str, Any]:
    """An object's schema; closed unless the function takes **kwargs. `skip_first` leaves the context out."""
    parameters = list(inspect.signature(function).parameters.values())[1 if skip_first else 0 :]
    hints = _hints(function)
    fields = {
        one.name: (hints.get(one.name, Any), one.default)
        for one in parameters
        if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
    }
    open_ended = any(one.kind is one.VAR_KEYWORD for one in parameters)
    schema = _schema(fields, open_ended)
    schema.pop("title", None)
    return schema


def _schema(fields: dict[str, tuple[Any, Any]], open_ended: bool) -> dict[str, Any]:
    try:
        return _model_schema(fields, open_ended)
    except _UNUSABLE:
        # One hint that pydantic cannot express: only the arguments that have such a hint go unchecked.
        checked = {name: (_usable(hint), default) for name, (hint, default) in fields.items()}
        return _model_schema(checked, open_ended)


def _model_schema(fields: dict[str, tuple[Any, Any]], open_ended: bool) -> dict[str, Any]:
    config = ConfigDict(extra="allow" if open_ended else "forbid", arbitrary_types_allowed=False)
    # Names that pydantic keeps for itself (`_x`, `json`, `copy`) are aliases of numbered fields.
    numbered: dict[str, Any] = {
        f"argument_{number}": (hint, _field(name, default))
        for number, (name, (hint, default)) in enumerate(fields.items())
    }
    model = create_model("Arguments", __config__=config, **numbered)
    with warnings.catch_warnings():
        # A default that is no JSON is left out of the schema, which is all there is to say about it.
        warnings.simplefilter("ignore")
        schema: dict[str, Any] = model.model_json_schema(by_alias=True, mode="validation")
    for prop in schema.get("properties", {}).values():
        prop.pop("title", None)
    schema.setdefault("properties", {})
    schema["additionalProperties"] = open_ended
    return schema


def _field(name: str, default: Any) -> Any:
    if default is inspect.Parameter.empty:
        return Field(alias=name)
    return Field(default=default, alias=name)


def _usable(hint: Any) -> Any:
    try:
        _model_schema({"it": (hint, inspect.Parameter.empty)}, False)
    except _UNUSABLE:
        return Any
    return hint


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception:  # noqa: BLE001 (hints are code of others)
        # A name that only exists while type checking: better no schema for it than none for all.
        return {name: hint for name, hint in function.__annotations__.items() if not isinstance(hint, str)}
