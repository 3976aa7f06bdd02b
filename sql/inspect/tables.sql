-- inspect.tables: our tables' size, dead rows and last vacuum, the most dead rows first.
create view inspect.tables as
select n.nspname || '.' || c.relname as name, greatest(c.reltuples, 0)::bigint as rows,
       coalesce(s.n_dead_tup, 0) as dead_rows,
       round(100.0 * s.n_dead_tup / nullif(s.n_live_tup + s.n_dead_tup, 0), 1) as dead_percent,
       pg_size_pretty(pg_table_size(c.oid)) as table_size, pg_size_pretty(pg_indexes_size(c.oid)) as index_size,
       greatest(s.last_vacuum, s.last_autovacuum) as last_vacuum, s.autovacuum_count as autovacuums,
       greatest(s.last_analyze, s.last_autoanalyze) as last_analyze, age(c.relfrozenxid) as xid_age
  from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace
  left join pg_stat_user_tables as s on s.relid = c.oid
 where c.relkind = 'r' and n.nspname in ('procrastinate', 'jobs')
 order by 3 desc, c.reltuples desc;
comment on column inspect.tables.dead_rows is
    'Of which vacuum has not made room yet. Many of them, and a vacuum lately: look into inspect.snapshots.';
