-- jobs.require_fit: refuses a job that is beyond the limits to which the API holds its callers.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.fail_with
-- Raises: OWV01 {"field", "message"}
create or replace function jobs.require_fit(_job jsonb) returns void
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _args constant jsonb := coalesce(_job -> 'args', '{}');
    _timeout constant real := _job ->> 'timeout';
    _fault record;
begin
    -- One job that a worker or a reader can't take in (an infinite time, a thousand levels) would keep it from the
    -- others that come in the same answer.
    select f.field, f.message into _fault from (
        select k.field, format('must have 1 to %s characters', k.most) as message
          from (values ('task', 128), ('queue', 128), ('lock', 1000), ('queueing_lock', 1000), ('key', 1000)) as k(field, most)
         where length(_job ->> k.field) not between 1 and k.most
        union all
        select t.field, 'must lie in the years 1 to 9999' from (values ('run_at'), ('expires_at')) as t(field)
         where (_job ->> t.field)::timestamptz not between '0001-01-02' and '9999-12-30'
        union all
        select 'timeout', 'must be over 0 and at most ten years' where not (_timeout > 0 and _timeout <= 315360000)
        union all
        select 'max_attempts', 'must be 1 to 32,767' where (_job ->> 'max_attempts')::numeric not between 1 and 32767
        union all
        select 'args', 'must be a JSON object' where jsonb_typeof(_args) <> 'object'
        union all
        select 'args', 'over 64 KB' where octet_length(_args::text) > 65536
        union all
        select 'args', 'over 32 levels deep' where jsonb_path_exists(_args, '$.**{33}')) as f limit 1;
    if found then
        perform jobs.fail_with('OWV01', format('%s: %s', _fault.field, _fault.message), to_jsonb(_fault));
    end if;
end
$$;
