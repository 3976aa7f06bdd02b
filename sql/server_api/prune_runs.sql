-- server_api.prune_runs: deletes runs (at most 1,000) that ended longer ago than this, never a schedule's newest.
-- Caller: onewriter_server
-- Writes: jobs.schedule_run (deletes what ended before), jobs.backfill (deletes those without a run)
-- Calls: jobs.fail_with
-- Raises: OWV01 for an age under a minute
create or replace function server_api.prune_runs(_age interval) returns integer
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
    set enable_seqscan = off
as $$
declare
    _until constant timestamptz := clock_timestamp() - _age;
    _backfills bigint[];
    _n integer;
begin
    if _age is null or _age < interval '1 minute' then
        perform jobs.fail_with('OWV01', 'a run is kept for a minute at least',
                               '{"field": "age", "message": "is under a minute"}');
    end if;
    -- The newest that ran stays beside the newest of all: what a schedule shows of its last run.
    with old as materialized (
        select r.id from jobs.schedule_run as r
         where r.finished_at < _until and (r.schedule_id is null or exists (
               select from jobs.schedule_run as n
                where n.schedule_id = r.schedule_id and n.id > r.id
                  and (n.started_at is not null or r.started_at is null)))
         order by r.finished_at limit 1000 for update skip locked
    ), gone as (
        delete from jobs.schedule_run as r where r.id = any (array(select o.id from old as o))
        returning r.backfill_id
    )
    select count(*), array_agg(distinct g.backfill_id) into _n, _backfills from gone as g;
    delete from jobs.backfill as b
     where b.id = any (_backfills) and not exists (select from jobs.schedule_run as r where r.backfill_id = b.id);
    return _n;
end
$$;
