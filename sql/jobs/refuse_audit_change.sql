-- jobs.refuse_audit_change: keeps the audit append-only, for its owner too; only retention deletes what is old.
-- Caller: internal
-- Writes: nothing
-- Raises: OWS01
create or replace function jobs.refuse_audit_change() returns trigger
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'DELETE' then
        if current_setting('onewriter.prunes_audit', true) = 'on' and old.at < clock_timestamp() - interval '30 days' then
            return old;
        end if;
    end if;
    raise exception using errcode = 'OWS01', message = 'the audit is append-only', detail = '{}';
end
$$;
create or replace trigger audit_is_append_only before update or delete on jobs.audit
    for each row execute function jobs.refuse_audit_change();
create or replace trigger audit_is_not_truncated before truncate on jobs.audit
    for each statement execute function jobs.refuse_audit_change();
