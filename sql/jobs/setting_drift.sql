-- jobs.setting_drift: settings of logins that are not what `onewriter logins create` makes them, and the line that mends it.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.setting_drift() returns table (login name, setting text, expected text, found text, mend text)
    language sql
    set search_path = pg_catalog, jobs, pg_temp
as $$
    with member as (
        -- Since 16 whoever makes a role is a member who may administer it, and nothing else.
        select bundle.rolname as role, login.oid, login.rolname as login
          from pg_auth_members as m
          join pg_roles as bundle on bundle.oid = m.roleid
          join pg_roles as login on login.oid = m.member
         where login.rolcanlogin and not login.rolsuper
           and coalesce((to_jsonb(m) ->> 'inherit_option')::boolean or (to_jsonb(m) ->> 'set_option')::boolean, true)
           -- Roles are the cluster's: one that was made for another database of it has its settings there.
           and (exists (select from pg_db_role_setting as s join pg_database as d on d.oid = s.setdatabase
                         where s.setrole = login.oid and d.datname = current_database())
                or exists (select from jobs.worker as w where w.login = login.rolname))
    ), expected as (
        -- A login of two kinds has the settings of one of them.
        select m.oid, m.login, e.setting, array_agg(e.value order by e.value) as allowed
          from member as m join jobs.login_setting as e on e.role = m.role
         group by m.oid, m.login, e.setting
    ), found as (
        select s.setrole, split_part(c.item, '=', 1) as setting, substr(c.item, strpos(c.item, '=') + 1) as value
          from pg_db_role_setting as s cross join unnest(s.setconfig) as c(item)
         where s.setdatabase = (select oid from pg_database where datname = current_database())
    )
    select e.login, e.setting, array_to_string(e.allowed, ' or '), f.value,
           format('alter role %I in database %I set %s = %s;', e.login, current_database(), e.setting,
                  case when e.setting = 'search_path' then e.allowed[1] else quote_literal(e.allowed[1]) end)
      from expected as e left join found as f on f.setrole = e.oid and f.setting = e.setting
     where f.value is null or f.value <> all (e.allowed)
     order by 1, 2
$$;
