-- jobs.checked_note: a note as it is stored; one that is not acceptable gives way to a log note that says why.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.checked_note(inout kind text, _text text, out data jsonb)
    language plpgsql immutable
    set search_path = pg_catalog, pg_temp
as $$
declare
    _wrong text;
begin
    begin
        -- The text first: what is far too large is not even read.
        data := case when octet_length(_text) <= 131072 then _text::jsonb end;
        _wrong := case when data is null or octet_length(data::text) > 65536 then 'over 64 KB'
                       when jsonb_path_exists(data, '$.**{33}') then 'nested over 32 levels'
                       when kind is null or kind not in ('log', 'chunk') then 'neither a log nor a chunk'
                       when kind = 'log' and jsonb_typeof(data) <> 'object' then 'no log record' end;
    exception when data_exception or program_limit_exceeded then
        _wrong := 'no JSON that the database holds';
    end;
    if _wrong is not null then
        kind := 'log';
        data := jsonb_build_object('level', 'warning', 'message', 'A note was refused: it is ' || _wrong || '.');
    end if;
end
$$;
