-- jobs.arm: from now on jobs run in this place, for processes that present this environment.
-- Caller: internal
-- Writes: jobs.environment.id, .place, .armed_in, .armed_at, .armed_by, jobs.session.lost_at
-- Calls: jobs.fail_with, jobs.notify, jobs.place, jobs.record_audit
-- Raises: OWV01 {"field", "message"}
create or replace function jobs.arm(_environment text, _actor text) returns void
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _place constant text := jobs.place();
    _before jobs.environment;
begin
    if _environment is null or _environment !~ '^[a-z0-9][a-z0-9._-]{0,62}$' then
        perform jobs.fail_with('OWV01', 'an environment has 1 to 63 of a-z, 0-9, dot, dash and underscore',
                               '{"field": "environment", "message": "1 to 63 of a-z, 0-9, dot, dash, underscore"}');
    end if;
    select e.* into _before from jobs.environment as e for update;
    insert into jobs.environment (id, place, armed_in, armed_at, armed_by)
    values (_environment, _place, current_database(), clock_timestamp(), _actor)
    on conflict (only_row) do update
       set id = excluded.id, place = excluded.place, armed_in = excluded.armed_in, armed_at = excluded.armed_at,
           armed_by = excluded.armed_by;
    if _before.id is null then
        return;  -- a new installation: the row itself says who and when
    end if;
    if _before.place <> _place then
        -- These workers hold their jobs in the place that was copied; rescue gives the copies back.
        update jobs.session as s set lost_at = clock_timestamp() where s.lost_at is null and s.closed_at is null;
    end if;
    perform jobs.record_audit(_actor, 'environment.arm', _environment, null, jsonb_build_object(
        'armed_in', current_database(), 'was', _before.id, 'was_in', _before.armed_in));
    perform jobs.notify(array['ow_sched', 'ow_conf']);
end
$$;
