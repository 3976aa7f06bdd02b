-- jobs.startable_run: pending runs that their schedule's rule, or their backfill's bound, lets start now.
create view jobs.startable_run as
select r.id, r.schedule_id
  from jobs.schedule_run as r join jobs.schedule as s on s.id = r.schedule_id
 where r.state = 'pending' and r.backfill_id is null
   -- What somebody asked for starts on a paused schedule too; what it fired itself waits until it is resumed.
   and (r.trigger = 'manual' or jobs.is_active(s))
   and (r.force or s.effective ->> 'overlapping' = 'allow' or not exists (
        select from jobs.schedule_run as o
         where o.schedule_id = r.schedule_id and o.backfill_id is null
           and (o.state = 'running' or o.state = 'pending' and o.id < r.id and not o.force
                                       and (o.trigger = 'manual' or jobs.is_active(s)))))
union all
select r.id, r.schedule_id
  from jobs.backfill as b
 cross join lateral (
       select p.id, p.schedule_id from jobs.schedule_run as p
        where p.backfill_id = b.id and p.state = 'pending' and p.schedule_id is not null
        order by p.id
        limit greatest(0, b.concurrency - (select count(*) from jobs.schedule_run as o
                                            where o.backfill_id = b.id and o.state = 'running'))) as r;
