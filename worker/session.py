"""Opening, resuming and closing a session over the wire."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from worker.answer import opened
from worker.errors import Refused, ServerError
from worker.run import Run
from worker.wire import Wire

_NOT_A_WORKER = {
    "3F000": "the database has no schema worker_api",
    "42883": "the database lacks functions of worker_api",
    "42501": "this login is no worker",
}


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What a worker says of itself; `queues` None is all queues, also ones that appear later."""

    dsn: str
    name: str
    queues: list[str] | None
    lease: int
    info: str


@dataclass(kw_only=True)
class Session:
    id: int
    secret: str

    @property
    def params(self) -> list[bytes | None]:
        return [b"%d" % self.id, self.secret.encode()]


def open_new(wire: Wire, identity: Identity) -> Session:
    """Raises Refused where waiting would not help."""
    try:
        _refuse_writers(wire)
        text = wire.call(
            "select worker_api.open($1, $2, $3, $4)",
            _array(identity.queues),
            identity.name,
            str(identity.lease),
            identity.info,
        )
    except ServerError as exc:
        raise _refusal(exc) from exc
    reply = opened(text or b"{}")
    return Session(id=reply.session, secret=reply.secret)


def resume(wire: Wire, session: Session, held: dict[int, Run]) -> bool:
    """False: the session is gone."""
    pairs = json.dumps([[run.id, run.claim] for run in held.values()])
    text = wire.call("select worker_api.resume($1, $2, $3)", str(session.id), session.secret, pairs)
    reply = opened(text or b"{}")
    if reply.gone or not reply.secret:
        return False
    session.secret = reply.secret
    return True


def close(wire: Wire, session: Session) -> None:
    wire.call("select worker_api.close($1, $2)", str(session.id), session.secret)


def channels(session: Session, identity: Identity) -> list[str]:
    """What to LISTEN to."""
    own = f"ow_w_{session.id}"
    if identity.queues is None:
        return [own, "ow_any"]
    return [own, *(f"ow_q_{_md5(queue)[:16]}" for queue in identity.queues)]


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _refuse_writers(wire: Wire) -> None:
    rights = wire.column("select * from worker_api.writable()")
    if rights:
        more = f" (and {len(rights) - 1} more)" if len(rights) > 1 else ""
        raise Refused(f"This login may write: {rights[0]}{more}. A worker's login must not; not starting.")


def _refusal(exc: ServerError) -> Exception:
    if exc.sqlstate in _NOT_A_WORKER:
        why = _NOT_A_WORKER[exc.sqlstate]
        return Refused(f"{why} ({exc.message}): run `onewriter migrate` and use a login made `--as worker`.")
    if exc.sqlstate.startswith("OW"):
        return Refused(f"The database refuses this worker: {exc.message}.")
    return exc


def _array(items: list[str] | None) -> str | None:
    if items is None:
        return None
    quoted = ('"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"' for item in items)
    return "{" + ",".join(quoted) + "}"
