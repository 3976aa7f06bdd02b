"""Reading requests and writing answers: bodies, queries, headers, JSON."""

import asyncio
import re
from collections import Counter
from functools import lru_cache, reduce
from operator import or_
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

import msgspec
from aiohttp import StreamReader, hdrs, web
from aiohttp.typedefs import LooseHeaders
from msgspec import UNSET, UnsetType

from app.errors import (
    BodyEncoded,
    BodyTooLarge,
    BodyTooSlow,
    FieldError,
    Invalid,
    JobNotFound,
    Malformed,
    WorkerNotFound,
)
from app.fields import field_error
from app.http.content import decode

S = TypeVar("S", bound=msgspec.Struct)

SINGLE_BYTES = 512 * 1024
BATCH_BYTES = 16 * 1024 * 1024
BODY_SECONDS = 60.0
IDENTITY = "identity"
BIGGEST_ID = 2**63 - 1
IDEMPOTENCY_KEY = "Idempotency-Key"
_IDEMPOTENCY_KEY = re.compile(r"[\x20-\x7e]{1,255}")
_encode = msgspec.json.Encoder().encode


async def read_body(request: web.Request, limit: int = SINGLE_BYTES) -> bytes:
    """Raises BodyTooLarge, before reading where the request says how long it is.

    BodyTooSlow, BodyEncoded, Malformed as well.
    """
    if request.headers.get(hdrs.CONTENT_ENCODING, IDENTITY) != IDENTITY:
        raise BodyEncoded
    if request.content_length is not None and request.content_length > limit:
        raise _too_large(limit)
    content = request.content
    try:
        # A small one came along with the head: reading it as a stream would cost more.
        body = content.read_nowait() if content.is_eof() else await _collect(content, limit)
    except web.RequestPayloadError as exc:
        raise Malformed(f"the body is not what its headers say: {exc}") from None
    if len(body) > limit:
        raise _too_large(limit)
    return body


async def _collect(content: StreamReader, limit: int) -> bytes:
    """Never more than the limit, and not for ever."""
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in content.iter_any():
                size += len(part)
                if size > limit:
                    raise _too_large(limit)
                parts.append(part)
    except TimeoutError:
        raise BodyTooSlow(f"{size} bytes came in {BODY_SECONDS:g} seconds") from None
    return b"".join(parts)


async def read_optional(request: web.Request, decoder: msgspec.json.Decoder[S], nothing: S) -> S:
    """A body that may be left out."""
    body = await read_body(request)
    return decode(decoder, body) if body else nothing


def read_query(request: web.Request, shape: type[S]) -> S:
    """Raises Invalid for a parameter that is unknown, missing, given twice, or not what it should be."""
    query = request.query
    for name, count in Counter(name for name, _ in query.items()).items():
        if count > 1:
            raise _refuse(name, "is given more than once")
        if "\0" in query[name] or not _is_text(query[name]):
            raise _refuse(name, "contains NUL or a lone surrogate")
    try:
        given = msgspec.convert(dict(query), _without_null(shape), strict=False)
    except msgspec.ValidationError as exc:
        error = field_error(exc)
        raise _refuse(error.field, error.message) from None
    values = {name: value for name, value in msgspec.structs.asdict(given).items() if value is not UNSET}
    for field in msgspec.structs.fields(shape):
        if field.required and field.name not in values:
            raise _refuse(field.encode_name, "is mandatory")
    return shape(**values)


@lru_cache
def _without_null(shape: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """The same with "null" as a text: a lax conversion takes it for None wherever None may stand."""
    fields = [
        (field.name, _not_none(field.type) | UnsetType, UNSET) for field in msgspec.structs.fields(shape)
    ]
    names = {field.name: field.encode_name for field in msgspec.structs.fields(shape)}
    return msgspec.defstruct(shape.__name__, fields, forbid_unknown_fields=True, rename=names)


def _not_none(kind: Any) -> Any:
    if get_origin(kind) not in (Union, UnionType):
        return kind
    return reduce(or_, (part for part in get_args(kind) if part is not NoneType))


def refuse_query(request: web.Request) -> None:
    """Raises Invalid for every parameter, where an endpoint has none."""
    for name in request.query:
        raise _refuse(name[:100], "is unknown")


def job_id_of(request: web.Request) -> int:
    """What is no id is no job: 404."""
    text = request.match_info["job_id"]
    if not is_id(text):
        raise JobNotFound(f"no job has the id {text[:40]}")
    return int(text)


def worker_id_of(request: web.Request) -> int:
    """What is no id is no worker: 404."""
    text = request.match_info["worker_id"]
    if not is_id(text):
        raise WorkerNotFound(f"no worker has the id {text[:40]}")
    return int(text)


def idempotency_key_of(request: web.Request) -> str | None:
    key = request.headers.get(IDEMPOTENCY_KEY)
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        raise _refuse(IDEMPOTENCY_KEY, "must be 1 to 255 printable ASCII characters")
    return key


def json_response(value: Any, *, status: int = 200, headers: LooseHeaders | None = None) -> web.Response:
    return web.Response(body=_encode(value), status=status, headers=headers, content_type="application/json")


def job_url(job_id: int) -> str:
    return f"/v1/jobs/{job_id}"


def is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 19 and 0 < int(text) <= BIGGEST_ID


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse(field: str, message: str) -> Invalid:
    return Invalid(f"{field}: {message}", errors=[FieldError(field, message)])


def _too_large(limit: int) -> BodyTooLarge:
    field = FieldError("body", f"is larger than {limit} bytes")
    return BodyTooLarge(f"at most {limit} bytes are allowed", errors=[field])
