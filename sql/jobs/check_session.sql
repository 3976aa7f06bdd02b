-- jobs.check_session: refuses what a session must not say of itself when it opens.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.fail_with
-- Raises: OWV01 {"field", "message"}, 22P02 for an _info that is no JSON
create or replace function jobs.check_session(_queues text[], _name text, _lease integer, _info text) returns void
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _fault record;
begin
    select f.field, f.message into _fault from (
        select 'lease' as field, 'must be 5 to 300 seconds' as message
         where _lease is null or _lease not between 5 and 300
        union all
        select 'name', 'must have 1 to 128 characters' where _name is null or length(_name) not between 1 and 128
        union all
        select 'name', 'must have no control characters' where _name ~ '[[:cntrl:]]'
        union all
        select 'queues', 'must be 1 to 1,000 names, or null for all'
         where cardinality(_queues) not between 1 and 1000 or array_position(_queues, null) is not null
        union all
        select 'queues', 'a name has at most 128 characters' where exists (
            select from unnest(_queues) as q where length(q) > 128)
        union all
        select 'info', 'is over 8 KB' where octet_length(_info) > 8192
        union all
        select 'info', 'is over 32 levels deep'
         where case when octet_length(_info) <= 8192 then jsonb_path_exists(_info::jsonb, '$.**{33}') end
        union all
        -- Each would have to be swept in a transaction of its own, with everybody else's lost jobs behind them.
        select 'name', 'the login has 1,000 sessions open' where 1000 <= (
            select count(*) from jobs.session as s
             where s.login = session_user and s.lost_at is null and s.closed_at is null)) as f limit 1;
    if found then
        perform jobs.fail_with('OWV01', format('%s: %s', _fault.field, _fault.message), to_jsonb(_fault));
    end if;
end
$$;
