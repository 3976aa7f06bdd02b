-- server_api.prune_jobs: looks at the next jobs by id (at most 1,000) and deletes those finished longer ago than their status's age.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.erase, jobs.fail_with
-- Raises: OWV01 for an age under a minute
create or replace function server_api.prune_jobs(
    _after bigint, _most integer, _succeeded interval, _failed interval, _cancelled interval, _aborted interval)
    returns json
    language plpgsql security definer
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
    set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
    _now constant timestamptz := clock_timestamp();
    -- least() passes over null, which is an age without an end.
    _shortest constant interval := least(_succeeded, _failed, _cancelled, _aborted);
    _seen record;
    _old bigint[];
begin
    if _shortest < interval '1 minute' then
        perform jobs.fail_with('OWV01', 'a job is kept for a minute at least',
                               '{"field": "age", "message": "is under a minute"}');
    end if;
    -- Ids come in the order of creation, so the walk ends at the first job that is younger than any age. A job that ended
    -- late in its life is met again by the next walk, for the price of looking at it.
    select count(*) as n, max(w.id) as last, coalesce(bool_or(w.created_at > _now - _shortest), false) as young,
           coalesce(array_agg(w.id) filter (where w.finished_at < _now - w.age), '{}') as old
      into _seen
      from (select j.id, j.created_at, j.finished_at,
                   case j.status when 'succeeded' then _succeeded when 'failed' then _failed
                                 when 'cancelled' then _cancelled when 'aborted' then _aborted end as age
              from procrastinate_jobs as j
             where j.id > _after order by j.id limit least(_most, 1000)) as w;
    -- What somebody holds (a retry, a delete by hand) is left for the next walk. Under the lock a row is judged again: it
    -- may have run once more since the look. An end that a result handler has still to hear of keeps its job, and so
    -- does a flow that goes on.
    with held as materialized (
        select j.id from procrastinate_jobs as j
         where j.id = any (_seen.old)
           and j.finished_at < _now - case j.status when 'succeeded' then _succeeded when 'failed' then _failed
                                                    when 'cancelled' then _cancelled when 'aborted' then _aborted end
           and not exists (select from jobs.outbox as o where o.job_id = j.id)
           and not exists (select from jobs.flow_member as m join jobs.flow as f on f.id = m.flow_id and f.state = 'running'
                            where m.job_id = j.id)
         order by j.id for update skip locked
    )
    select coalesce(array_agg(h.id), '{}') into _old from held as h;
    _old := jobs.erase(_old);
    return json_build_object('pruned', cardinality(_old), 'after', coalesce(_seen.last, _after),
                             'done', _seen.young or _shortest is null or _seen.n < least(_most, 1000));
end
$$;
