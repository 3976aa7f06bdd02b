-- worker_api.secrets: the values of the secrets that the arguments of a running job name; null if the caller does not run it.
-- Caller: onewriter_worker
-- Writes: jobs.secret_use.job_id, .claim_no, .name, .session_id, .login, .granted
-- Calls: jobs.fits, jobs.held_session
-- Raises: nothing
create or replace function worker_api.secrets(_session bigint, _secret text, _job_id bigint, _claim_no integer) returns json
    language plpgsql security definer
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
as $$
declare
    _args jsonb;
    _task text;
    _values json;
begin
    if (jobs.held_session(_session, _secret)).id is null then
        return null;
    end if;
    select j.args, j.task_name into _args, _task from procrastinate_jobs as j
     where j.id = _job_id and j.claim_no = _claim_no and j.worker_id = _session and j.status = 'doing';
    -- Only what these arguments name, whole values, and so many that an answer stays small: the rest is refused.
    with named as materialized (
        select distinct substr(v #>> '{}', 10) as name
          from jsonb_path_query(_args, 'strict $.** ? (@.type() == "string" && @ starts with "secret://")') as v limit 64
    ), found as materialized (
        select n.name, s.value
          from named as n
          left join jobs.secret as s on s.name = n.name and jobs.fits(_task, s.tasks)
               and (s.logins is null or session_user = any (s.logins))
               -- What signs for a webhook signs its deliveries alone, whatever else is enqueued under the task's name.
               and not exists (select from jobs.webhook as w where w.secret = s.name and not exists (
                               select from jobs.webhook_delivery as d where d.job_id = _job_id and d.webhook_id = w.id))
    ), used as (
        -- Evidence against a stolen login; a worker that asks twice for one claim is one line.
        insert into jobs.secret_use (job_id, claim_no, name, session_id, login, granted)
        select _job_id, _claim_no, left(f.name, 128), _session, session_user, f.value is not null from found as f
        on conflict do nothing
    )
    select json_object_agg(f.name, f.value) filter (where f.value is not null) into _values from found as f;
    return case when _args is not null then coalesce(_values, '{}') end;
end
$$;
