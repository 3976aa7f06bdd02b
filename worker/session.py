"""Opening, resuming and closing a session over the wire."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from worker.answer import opened
from worker.errors import Refused, ServerError
from worker.run import Run
from worker.wire import Wire

# A copy that nobody armed is waited for; an environment is a setting, and waiting mends none.
QUARANTINED, WRONG_ENVIRONMENT = "OWE01", "OWE02"
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
    environment: str


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
            "select worker_api.open($1, $2, $3, $4, $5)",
            _array(identity.queues),
            identity.name,
            str(identity.lease),
            identity.info,
            identity.environment,
        )
    except ServerError as exc:
        raise _refusal(exc) from exc
    reply = opened(text or b"{}")
    return Session(id=reply.session, secret=reply.secret)


def resume(wire: Wire, session: Session, identity: Identity, held: dict[int, Run]) -> bool:
    """False: the session is gone. Raises Refused where the database is another environment's."""
    pairs = json.dumps([[run.id, run.claim] for run in held.values()])
    query = "select worker_api.resume($1, $2, $3, $4)"
    try:
        text = wire.call(query, str(session.id), session.secret, pairs, identity.environment)
    except ServerError as exc:
        raise (_refusal(exc) if exc.sqlstate == WRONG_ENVIRONMENT else exc) from exc
    reply = opened(text or b"{}")
    if reply.gone or not reply.secret:
        return False
    session.secret = reply.secret
    return True


def secrets(wire: Wire, session: Session, runs: list[Run]) -> list[bytes]:
    """For each run the values that its arguments name, as JSON; null where it is not ours any more."""
    query = "select worker_api.secrets($1, $2, $3, $4)"
    own = str(session.id), session.secret
    texts = wire.calls([(query, (*own, str(run.id), str(run.claim))) for run in runs])
    return [text or b"null" for text in texts]


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
    if exc.sqlstate.startswith("OW") and exc.sqlstate != QUARANTINED:
        return Refused(f"The database refuses this worker: {exc.message}.")
    return exc


def _array(items: list[str] | None) -> str | None:
    if items is None:
        return None
    quoted = ('"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"' for item in items)
    return "{" + ",".join(quoted) + "}"
