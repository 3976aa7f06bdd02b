"""Tokens that open one job's streams for a while: a browser's EventSource can send no Authorization header.

A token is signed with the hash of the key that asked for it: nothing is stored, every process can check it,
it sees what the key sees, and it dies with the key.
"""

import base64
import hmac
import time
from struct import Struct

from app.errors import Unauthenticated
from app.http.keyring import Key, Keyring

# key id, job id, when it expires (Unix seconds)
_CONTENT = Struct(">qqq")
_MAC_BYTES = 32


def make_token(key: Key, *, job_id: int, expires: int) -> str:
    content = _CONTENT.pack(key.id, job_id, expires)
    return base64.urlsafe_b64encode(content + _mac(key, content)).decode()


def read_token(keyring: Keyring, token: str, *, job_id: str) -> Key:
    """The key behind it. Raises Unauthenticated, with the same words for whatever is wrong with it."""
    try:
        data = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    except ValueError:
        raise _refused() from None
    if len(data) != _CONTENT.size + _MAC_BYTES:
        raise _refused()
    content, mac = data[: _CONTENT.size], data[_CONTENT.size :]
    key_id, bound_to, expires = _CONTENT.unpack(content)
    key = next((key for key in keyring.values() if key.id == key_id), None)
    if key is None or not hmac.compare_digest(mac, _mac(key, content)):
        raise _refused()
    now = time.time()
    if str(bound_to) != job_id or min(expires, key.expires) <= now:
        raise _refused()
    return key


def _mac(key: Key, content: bytes) -> bytes:
    return hmac.digest(b"job events " + key.hash.encode(), content, "sha256")


def _refused() -> Unauthenticated:
    return Unauthenticated("this token is not of this job, has expired, or its key is revoked")
