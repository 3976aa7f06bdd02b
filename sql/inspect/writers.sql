-- inspect.writers: which functions write each column, and which roles may reach them, by grants as they are.
create view inspect.writers as
with recursive functions as (
    select p.oid, n.nspname || '.' || p.proname as name, p.proacl, p.proowner,
           obj_description(p.oid, 'pg_proc') as header
      from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
     where n.nspname in ('procrastinate', 'jobs', 'worker_api', 'server_api', 'operator_api', 'inspect')
), items as (
    -- "jobs.session.last_seen_at, .expires_at": a name without a table goes on with the table before it.
    select f.oid, f.name, i.n, i.item ~ '\(' as deletes, i.words,
           count(i.words[1]) over (partition by f.oid order by i.n) as part
      from functions as f
     cross join lateral (
           select n, item, case when item ~ '\('
                                then regexp_match(item, '^\s*\w+\.(\w+)')
                                else regexp_match(item, '^\s*(?:\w+\.(\w+))?\.(\w+)\s*$') end as words
             from regexp_split_to_table(substring(f.header from 'Writes: ([^\n]*)'), ',(?![^(]*\))')
                  with ordinality as t(item, n)) as i
     where i.words is not null
), writes as (
    select oid, name, first_value(words[1]) over (partition by oid, part order by n) as table_name,
           case when deletes then '(rows deleted)' else words[2] end as column_name
      from items
), reached_by as (
    select w.oid as writer, w.oid as reached_from from writes as w
     union
    select r.writer, caller.oid
      from reached_by as r
      join functions as callee on callee.oid = r.reached_from
      join functions as caller on callee.name = any (
           regexp_split_to_array(substring(caller.header from 'Calls: ([^\n]*)'), '\s*,\s*'))
), roles as (
    select distinct r.writer, coalesce(g.rolname, 'public') as role
      from reached_by as r
      join functions as f on f.oid = r.reached_from
     cross join lateral aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) as a
      left join pg_roles as g on g.oid = a.grantee
     where a.privilege_type = 'EXECUTE' and a.grantee <> f.proowner
)
select w.table_name, w.column_name,
       array_agg(distinct w.name order by w.name) as written_by,
       coalesce(array_agg(distinct r.role::text) filter (where r.role is not null), '{}') as callable_by
  from writes as w left join roles as r on r.writer = w.oid
 group by w.table_name, w.column_name;
comment on column inspect.writers.column_name is 'A column, or (rows deleted).';
comment on column inspect.writers.written_by is 'Every function that writes it; nothing else can.';
comment on column inspect.writers.callable_by is 'Roles that may call one of these, directly or through another function.';
