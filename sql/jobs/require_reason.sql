-- jobs.require_reason: refuses a verb for which nobody says why.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.fail_with
-- Raises: OWV01
create or replace function jobs.require_reason(_verb text, _reason text) returns void
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
begin
    if coalesce(btrim(_reason), '') = '' then
        perform jobs.fail_with('OWV01', _verb || ' needs a reason', '{"field": "reason", "message": "is mandatory"}');
    end if;
end
$$;
