-- inspect.open_snapshots: what inspect.snapshots shows: other logins' transactions are hidden from a DBA's own rights.
-- Caller: onewriter_dba, onewriter_server
-- Writes: nothing
-- Raises: nothing
create or replace function inspect.open_snapshots() returns table (
    kind text, pid integer, login text, application text, state text, since timestamptz, held_back bigint, remedy text)
    language sql security definer
    set search_path = pg_catalog, pg_temp
as $$
    -- held_back counts transactions: what was deleted or updated since then by any of them cannot be vacuumed. Sessions of
    -- other databases hold nothing back here; a standby's feedback (a walsender, without a database) does. Without
    -- pg_read_all_stats, which migrate grants to the owner, only our own logins' rows would say how old they are. A vacuum's
    -- own snapshot holds no other vacuum back.
    select 'session', a.pid, a.usename::text, a.application_name,
           case when a.backend_type = 'walsender' then 'standby feedback' else a.state end, a.xact_start,
           greatest(age(a.backend_xmin), age(a.backend_xid))::bigint, format('select pg_terminate_backend(%s);', a.pid)
      from pg_stat_activity as a
     where (a.backend_xmin is not null or a.backend_xid is not null) and a.pid <> pg_backend_pid()
       and (a.datname = current_database() or a.datname is null)
       and not exists (select from pg_stat_progress_vacuum as v where v.pid = a.pid)
    union all
    select 'prepared transaction', null, p.owner::text, null, 'prepared', p.prepared, age(p.transaction)::bigint,
           format('rollback prepared %L;', p.gid)
      from pg_prepared_xacts as p where p.database = current_database()
    union all
    select 'replication slot', r.active_pid, null, r.slot_name::text,
           case when r.active then 'active' else 'inactive' end, null,
           greatest(age(r.xmin), age(r.catalog_xmin))::bigint, format('select pg_drop_replication_slot(%L);', r.slot_name)
      from pg_replication_slots as r where r.xmin is not null or r.catalog_xmin is not null
$$;
