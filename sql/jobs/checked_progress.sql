-- jobs.checked_progress: a job's progress as it is stored; null where it is no JSON object, too large or too deep.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.checked_progress(_text text) returns jsonb
    language plpgsql immutable
    set search_path = pg_catalog, pg_temp
as $$
declare
    _progress jsonb;
begin
    if octet_length(_text) <= 8192 then
        _progress := _text::jsonb;
    end if;
    return case when jsonb_typeof(_progress) = 'object' and octet_length(_progress::text) <= 4096
                     and not jsonb_path_exists(_progress, '$.**{33}') then _progress end;
exception when data_exception or program_limit_exceeded then
    return null;
end
$$;
