-- jobs.first_places: of locked candidates those that have the first place of their lock; the others are parked.
-- Caller: internal
-- Writes: procrastinate.procrastinate_jobs.gate
-- Raises: nothing
create or replace function jobs.first_places(_candidates bigint[], out ids bigint[], out parked integer)
    language plpgsql
    set search_path = pg_catalog, procrastinate, pg_temp
    set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
    set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
    _locks text[];
    _firsts bigint[];
    _doing boolean[];
    _held bigint[];
begin
    -- Of each lock the job that has the first place: the one that runs, else the best that waits.
    select array_agg(l.lock), array_agg(coalesce(d.id, f.id)), array_agg(d.id is not null)
      into _locks, _firsts, _doing
      from (select distinct j.lock from procrastinate_jobs as j where j.id = any (_candidates)) as l
      left join lateral (select r.id from procrastinate_jobs as r where r.lock = l.lock and r.status = 'doing') as d on true
      left join lateral (select w.id from procrastinate_jobs as w
                          where w.lock = l.lock and w.status = 'todo' and (w.gate <> 2 or w.claim_no > 0)
                          order by w.priority desc, w.id limit 1) as f on d.id is null;
    ids := array(select p.id from unnest(_firsts, _doing) as p(id, doing) where not p.doing and p.id = any (_candidates));
    -- Parking needs the first place held still until this transaction ends: whoever moves it then sees what was
    -- parked and un-parks the next. A holder that is just being moved is not got: its mover sees no parked row.
    _held := array(select h.id from procrastinate_jobs as h join unnest(_firsts, _doing) as p(id, doing) on p.id = h.id
                    where h.id = any (_firsts) and h.status in ('todo', 'doing') and (h.status = 'doing') = p.doing
                      for share of h skip locked);
    update procrastinate_jobs as j set gate = 3
     where j.id = any (_candidates) and j.status = 'todo' and j.gate = 1 and j.id <> all (_held)
       and j.lock in (select p.lock from unnest(_firsts, _locks) as p(id, lock) where p.id = any (_held));
    get diagnostics parked = row_count;
end
$$;
