-- jobs.request_run: asks for one run of a schedule now, whatever its times and pauses; audited, the scheduler is signalled.
-- Caller: internal
-- Writes: jobs.schedule_run.schedule_id, .schedule, .trigger, .state, .planned_at, .requested_at, .actor, .reason, .request_id, .args, .force, .note, jobs.idempotency.api_key, .key, .hash, .job_ids, .created_at, .answer
-- Calls: jobs.fail_with, jobs.forget_old_keys, jobs.is_active, jobs.locked_schedule, jobs.notify, jobs.record_audit, jobs.require_reason, jobs.supersede_runs
-- Raises: OWN05 {"schedule"}, OWS01 {"run_id"}, OWV01 {"field", "message"}
create or replace function jobs.request_run(_name text, _request jsonb) returns json
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _key constant jsonb := nullif(_request -> 'idempotency', 'null');
    _force constant boolean := coalesce((_request ->> 'force')::boolean, false);
    _args constant jsonb := nullif(_request -> 'args', 'null');
    _now constant timestamptz := clock_timestamp();
    _s jobs.schedule;
    _rule text;
    _open record;
    _id bigint;
    _answer json;
    _note text;
begin
    perform jobs.require_reason('run-now', _request ->> 'reason');
    if jsonb_typeof(_args) <> 'object' then
        perform jobs.fail_with('OWV01', 'args is no object', '{"field": "args", "message": "must be an object"}');
    end if;
    if _key is not null then
        perform jobs.forget_old_keys(jsonb_build_array(jsonb_build_object('idempotency', _key)));
        insert into jobs.idempotency (api_key, key, hash, job_ids, created_at)
        values (coalesce((_key ->> 'api_key')::bigint, 0), _key ->> 'key', _key ->> 'hash', '{}', _now)
        on conflict (api_key, key) do nothing;
        if not found then
            return (select json_build_object('replay', json_build_object('hash', k.hash, 'answer', k.answer))
                      from jobs.idempotency as k
                     where k.api_key = coalesce((_key ->> 'api_key')::bigint, 0) and k.key = _key ->> 'key');
        end if;
    end if;

    _s := jobs.locked_schedule(_name);
    _rule := coalesce(_s.effective ->> 'overlapping', 'skip');
    select max(r.id) as last, count(*) filter (where r.state = 'pending') as pending into _open
      from jobs.schedule_run as r
     where r.schedule_id = _s.id and r.state in ('pending', 'running') and r.backfill_id is null;
    if _open.last is not null and not _force and _rule <> 'allow' then
        if _rule not in ('queue', 'cancel_running') or _rule = 'queue' and _open.pending >= 100 then
            perform jobs.fail_with('OWS01', format('run %s is open', _open.last), jsonb_build_object('run_id', _open.last));
        end if;
        _note := format('after run %s', _open.last);
    end if;
    if not jobs.is_active(_s) then
        _note := concat_ws('; ', format('the schedule is %s, this run is not', case
            when _s.paused_at is not null then 'paused' when _s.vanished_at is not null then 'vanished' else 'disabled' end), _note);
    end if;
    insert into jobs.schedule_run
          (schedule_id, schedule, trigger, state, planned_at, requested_at, actor, reason, request_id, args, force, note)
    values (_s.id, _s.name, 'manual', 'pending', _now, _now, _request ->> 'actor', _request ->> 'reason',
            _request ->> 'request_id', _args, _force, _note)
    returning id into _id;
    perform jobs.record_audit(_request ->> 'actor', 'schedules.run_now', _name, _request ->> 'reason', jsonb_build_object(
        'run_id', _id, 'args', _args, 'force', _force, 'request_id', _request ->> 'request_id'));
    _answer := json_build_object('run_id', _id, 'paused', _s.paused_at is not null, 'note', _note);
    update jobs.idempotency as k set answer = _answer
     where k.api_key = coalesce((_key ->> 'api_key')::bigint, 0) and k.key = _key ->> 'key';
    perform jobs.notify('ow_fire'::text || jobs.supersede_runs(array[_s.id]));
    return _answer;
end
$$;
