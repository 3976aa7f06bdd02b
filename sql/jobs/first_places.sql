-- jobs.first_places: of locked candidates those that have the first place of their lock; the others are parked.
-- Caller: internal
-- Writes: procrastinate.procrastinate_jobs.gate
-- Raises: nothing
create or replace function jobs.first_places(_candidates bigint[], out ids bigint[], out parked integer)
    language plpgsql
    set search_path = pg_catalog, procrastinate, pg_temp
    set enable_seqscan = off set enable_bitmapscan = off
as $$
declare
    _lock text;
    _first bigint;
    _doing boolean;
    _n integer;
begin
    ids := '{}';
    parked := 0;
    for _lock in select distinct j.lock from procrastinate_jobs as j where j.id = any (_candidates) order by 1 loop
        select d.id into _first from procrastinate_jobs as d where d.lock = _lock and d.status = 'doing';
        _doing := found;
        if not _doing then
            select f.id into _first from procrastinate_jobs as f
             where f.lock = _lock and f.status = 'todo' and (f.gate <> 2 or f.claim_no > 0)
             order by f.priority desc, f.id limit 1;
            if _first = any (_candidates) then
                ids := ids || _first;
            end if;
        end if;
        -- Parking needs the first place held still until this transaction ends: whoever moves it then sees what was
        -- parked and un-parks the next. A holder that is just being moved is not got: its mover sees no parked row.
        perform from procrastinate_jobs as h
          where h.id = _first and h.status in ('todo', 'doing') and (h.status = 'doing') = _doing
            for share skip locked;
        if found then
            update procrastinate_jobs as j set gate = 3
             where j.id = any (_candidates) and j.lock = _lock and j.id <> _first and j.status = 'todo' and j.gate = 1;
            get diagnostics _n = row_count;
            parked := parked + _n;
        end if;
    end loop;
end
$$;
