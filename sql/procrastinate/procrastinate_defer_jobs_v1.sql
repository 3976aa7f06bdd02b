-- procrastinate.procrastinate_defer_jobs_v1: what Procrastinate's own .defer() calls, over our insert.
-- Caller: onewriter_producer
-- Writes: nothing
-- Calls: jobs.add, jobs.channels, jobs.fail_with, jobs.notify, jobs.require_fit
-- Raises: OWV01 {"field", "message"}, 23505 on procrastinate_jobs_queueing_lock_idx_v1, as Procrastinate expects it
create or replace function procrastinate.procrastinate_defer_jobs_v1(
    jobs procrastinate.procrastinate_job_to_defer_v1[]) returns bigint[]
    language plpgsql security definer
    set search_path = pg_catalog, procrastinate, pg_temp
as $$
declare
    _items jsonb;
    _added record;
begin
    if cardinality(procrastinate_defer_jobs_v1.jobs) > 10000 then
        perform jobs.fail_with('OWV01', 'at most 10,000 jobs', '{"field": "jobs", "message": "over 10,000 jobs"}');
    end if;
    select jsonb_agg(jsonb_build_object(
               'task', j.task_name, 'queue', j.queue_name, 'priority', j.priority, 'lock', j.lock,
               'queueing_lock', j.queueing_lock, 'args', coalesce(j.args, '{}'), 'run_at', j.scheduled_at,
               'timeout', t.timeout, 'max_attempts', t.max_attempts) order by j.ordinality)
      into _items
      from unnest(procrastinate_defer_jobs_v1.jobs) with ordinality as j
      left join jobs.task as t on t.name = j.task_name;
    if _items is null then
        return '{}';
    end if;
    perform jobs.require_fit(i) from jsonb_array_elements(_items) as i;
    select a.ids, a.missing into _added from jobs.add(
        _items, jsonb_build_object('kind', 'sql', 'actor', session_user)) as a;
    if _added.missing is not null then
        raise unique_violation using
            message = 'another waiting job has this queueing lock',
            constraint = 'procrastinate_jobs_queueing_lock_idx_v1',
            detail = format('Key (queueing_lock)=(%s) already exists.',
                            _items -> _added.missing[1] ->> 'queueing_lock');
    end if;
    perform jobs.notify(jobs.channels((select array_agg(i ->> 'queue') from jsonb_array_elements(_items) as i)));
    return _added.ids;
end
$$;
