"""GET /v1/jobs/{id}/children and /v1/flows/{id}."""

import msgspec
from aiohttp import web

from app.errors import FlowNotFound
from app.http.cursors import make_cursor, read_cursor
from app.http.flow_bodies import Children, FlowDetail, ListPage
from app.http.keyring import Key
from app.http.reading import visible_job
from app.http.registry import Call
from app.http.requests import is_id, job_id_of, json_response, read_query
from app.queries.flows import Child, FlowMember, get_flow, list_children, list_flow_members, list_flows


async def children(call: Call) -> web.Response:
    """Those that the key may not see are left out; so a page may have fewer than `limit`."""
    query = read_query(call.request, ListPage)
    job = await visible_job(call, job_id_of(call.request))
    after, filters = _after(call, query, "children", job.id)
    async with call.services.connection() as conn:
        found = await list_children(conn, job_id=job.id, after_id=after, limit=query.limit + 1)
        flows = await list_flows(conn, parent_id=job.id)
    page, more = found[: query.limit], len(found) > query.limit
    cursor = make_cursor(page[-1].id, secret=call.key.hash, filters=filters) if more else None
    return json_response(Children([one for one in page if _sees(call.key, one)], flows, cursor))


async def flow(call: Call) -> web.Response:
    """404 also where the key may see none of its members."""
    query = read_query(call.request, ListPage)
    text = call.request.match_info["flow_id"]
    async with call.services.connection() as conn:
        found = await get_flow(conn, flow_id=int(text)) if is_id(text) else None
        if found is None:
            raise FlowNotFound(f"no flow has the id {text[:40]}")
        after, filters = _after(call, query, "flow", found.id)
        members = await list_flow_members(conn, flow_id=found.id, after=after, limit=query.limit + 1)
    page, more = members[: query.limit], len(members) > query.limit
    seen = [one for one in page if _sees(call.key, one)]
    if not seen and not call.key.sees_all:
        raise FlowNotFound(f"no flow has the id {text[:40]}")
    cursor = make_cursor(page[-1].n, secret=call.key.hash, filters=filters) if more else None
    return json_response(FlowDetail(found, seen, cursor))


def _sees(key: Key, one: Child | FlowMember) -> bool:
    """Of a job that is gone nobody knows task and queue any more."""
    if one.task is None or one.queue is None:
        return key.sees_all
    return key.sees(one.queue, one.task)


def _after(call: Call, query: ListPage, what: str, of: int) -> tuple[int, bytes]:
    """Where the page begins, and what its cursor is bound to."""
    filters = msgspec.json.encode([what, of])
    if query.cursor is None:
        return 0, filters
    return read_cursor(query.cursor, secret=call.key.hash, filters=filters), filters
