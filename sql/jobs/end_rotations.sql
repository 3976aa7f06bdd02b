-- jobs.end_rotations: takes away the secrets that were replaced a day ago; answers the seconds until the next such day ends.
-- Caller: internal
-- Writes: jobs.secret.value, jobs.webhook.rotated_at
-- Raises: nothing
create or replace function jobs.end_rotations() returns double precision
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _before constant timestamptz := clock_timestamp() - interval '1 day';
begin
    update jobs.secret as s set value = split_part(s.value, ' ', 1)
      from jobs.webhook as w where w.rotated_at <= _before and s.name = w.secret;
    update jobs.webhook as w set rotated_at = null where w.rotated_at <= _before;
    return (select extract(epoch from min(w.rotated_at) - _before) from jobs.webhook as w);
end
$$;
