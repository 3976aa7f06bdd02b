-- jobs.fail_with: raises one of onewriter's own errors, its DETAIL a JSON object.
-- Caller: internal
-- Writes: nothing
-- Raises: any of class OW
create or replace function jobs.fail_with(_sqlstate text, _message text, _detail jsonb default '{}') returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception using errcode = _sqlstate, message = _message, detail = _detail::text;
end
$$;
