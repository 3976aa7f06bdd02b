"""What a start had better say: the process runs on, but handles less than was meant."""

from __future__ import annotations

import contextlib
import logging

import psycopg

from app.handlers.desk import Desk
from app.handlers.registry import Registry
from app.settings import Settings

log = logging.getLogger(__name__)

MEMBER = "select current_user::text, pg_has_role(%s::name, 'USAGE')"
PUBLISHED = "select task, event from server_api.subscription where consumer = %s"


async def look(desk: Desk, settings: Settings, registry: Registry) -> None:
    """Warns of a login that is no handler's, and of unpublished pairs. An outage is told elsewhere."""
    with contextlib.suppress(psycopg.Error):
        ((login, member),) = await desk.fetch(MEMBER, f"{settings.role_prefix}_handler")
        if not member:
            log.warning("the login %s is no handler's: onewriter logins create NAME --as handler", login)
        published = {tuple(row) for row in await desk.fetch(PUBLISHED, settings.handlers_consumer)}
        if missing := [str(pair) for pair in registry.pairs if pair not in published]:
            log.warning("not published, so never called: %s: onewriter handlers publish", ", ".join(missing))
