"""Opaque keyset cursors: a position, good only for the key and the filters it was made for."""

import base64
import hmac

from app.errors import FieldError, InvalidCursor

ID_BYTES = 8
MAC_BYTES = 16


def make_cursor(last_id: int, *, secret: str, filters: bytes) -> str:
    """`secret` is the caller's key hash: the same in every process, another for every key."""
    position = last_id.to_bytes(ID_BYTES, "big")
    return base64.urlsafe_b64encode(position + _mac(position, secret, filters)).decode()


def read_cursor(cursor: str, *, secret: str, filters: bytes) -> int:
    """The id after which the next page starts. Raises InvalidCursor."""
    try:
        data = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
    except ValueError:
        raise _invalid() from None
    position, mac = data[:ID_BYTES], data[ID_BYTES:]
    if not hmac.compare_digest(mac, _mac(position, secret, filters)):
        raise _invalid()
    return int.from_bytes(position, "big")


def _mac(position: bytes, secret: str, filters: bytes) -> bytes:
    return hmac.digest(secret.encode(), position + filters, "sha256")[:MAC_BYTES]


def _invalid() -> InvalidCursor:
    return InvalidCursor(errors=[FieldError("cursor", "is not a cursor of this list")])
