-- jobs.guard_queues: writes to each queue which tasks it takes, by the logins that may claim from it.
-- Caller: internal
-- Writes: jobs.queue.name, .takes
-- Raises: nothing
create or replace function jobs.guard_queues() returns void
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
begin
    insert into jobs.queue as q (name, takes)
    select g.queue, jsonb_agg(distinct to_jsonb(l.tasks))
      from jobs.worker_login as l cross join unnest(l.granted) as g(queue)
     where l.tasks is not null and l.revoked_at is null
     group by g.queue order by g.queue
        on conflict (name) do update set takes = excluded.takes where q.takes is distinct from excluded.takes;
    update jobs.queue as q set takes = null
     where q.takes is not null and not exists (
           select from jobs.worker_login as l
            where l.tasks is not null and l.revoked_at is null and q.name = any (l.granted));
end
$$;
