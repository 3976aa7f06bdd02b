-- jobs.outlived: of these jobs those that are finished and to which nothing happened for their status's age; null: kept.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.outlived(
    _ids bigint[], _succeeded interval, _failed interval, _cancelled interval, _aborted interval) returns bigint[]
    language sql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
    set plan_cache_mode = force_generic_plan set jit = off
as $$
    -- How a job ended is told by its last claim's attempt or, without a run, by its last event. An end that a result
    -- handler has still to hear of keeps its job.
    select coalesce(array_agg(j.id), '{}')
      from procrastinate_jobs as j
      left join jobs.attempt as a on a.job_id = j.id and a.claim_no = j.claim_no
     where j.id = any (_ids)
       and greatest(j.created_at, a.finished_at, (select max(e.at) from jobs.job_event as e where e.job_id = j.id))
           < clock_timestamp() - case j.status when 'succeeded' then _succeeded when 'failed' then _failed
                                               when 'cancelled' then _cancelled when 'aborted' then _aborted end
       and not exists (select from jobs.outbox as o where o.job_id = j.id)
$$;
