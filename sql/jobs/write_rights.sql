-- jobs.write_rights: the rights by which a role, or one it is a member of, could write a table of this database.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.write_rights(_login name) returns setof text
    language sql stable
    set search_path = pg_catalog, pg_temp
as $$
    select format('%s is a superuser', r.rolname) from pg_roles as r
     where r.rolsuper and pg_has_role(_login, r.oid, 'MEMBER')
    union all
    -- Before 16 it may give itself any role but a superuser's.
    select format('%s has CREATEROLE', r.rolname) from pg_roles as r
     where r.rolcreaterole and not r.rolsuper and pg_has_role(_login, r.oid, 'MEMBER')
       and not (select rolsuper from pg_roles where rolname = _login)
    union all
    select format('%s is a member of %s', _login, r.rolname) from pg_roles as r
     where r.rolname in ('pg_write_all_data', 'pg_maintain', 'pg_write_server_files', 'pg_execute_server_program')
       and pg_has_role(_login, r.oid, 'MEMBER') and not (select rolsuper from pg_roles where rolname = _login)
    union all
    select format(case r.rolname when _login then '%s owns %3$s tables' else '%s is a member of %s, the owner of %s tables' end,
                  _login, r.rolname, count(*))
      from pg_class as c join pg_namespace as n on n.oid = c.relnamespace join pg_roles as r on r.oid = c.relowner
     where c.relkind in ('r', 'p') and n.nspname not like 'pg\_%' and not r.rolsuper and pg_has_role(_login, r.oid, 'MEMBER')
       and not (select rolsuper from pg_roles where rolname = _login)
     group by r.rolname
    union all
    select distinct format('%s may %s %s', r.rolname, p.privilege, c.oid::regclass)
      from pg_class as c
      -- A trigger runs with the rights of whoever writes the table.
      cross join (values ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE'), ('TRIGGER')) as p(privilege)
      cross join pg_roles as r
     where c.relkind in ('r', 'p', 'v', 'm', 'f')
       and c.relnamespace not in (select oid from pg_namespace where nspname in ('pg_catalog', 'information_schema')
                                                                  or nspname like 'pg\_toast%' or nspname like 'pg\_temp%')
       and pg_has_role(_login, r.oid, 'MEMBER') and not r.rolsuper
       and not (select rolsuper from pg_roles where rolname = _login)
       and (has_table_privilege(r.oid, c.oid, p.privilege)
            or p.privilege in ('INSERT', 'UPDATE') and has_any_column_privilege(r.oid, c.oid, p.privilege))
    union all
    select distinct format('%s may %s of %s', r.rolname, p.privilege, c.oid::regclass)
      from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
      cross join (values ('USAGE'), ('UPDATE')) as p(privilege)
      cross join pg_roles as r
     where c.relkind = 'S' and n.nspname not like 'pg\_%' and pg_has_role(_login, r.oid, 'MEMBER') and not r.rolsuper
       and not (select rolsuper from pg_roles where rolname = _login)
       and has_sequence_privilege(r.oid, c.oid, p.privilege)
$$;
