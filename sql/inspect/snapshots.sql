-- inspect.snapshots: what keeps vacuum from removing dead rows (transactions, slots), the oldest first, and how to end it.
create view inspect.snapshots as
select s.kind, s.pid, s.login, s.application, s.state, s.since, now() - s.since as age, s.held_back, s.remedy
  from inspect.open_snapshots() as s
 order by s.held_back desc, s.since;
comment on column inspect.snapshots.held_back is 'How many transactions ago: rows deleted since then stay on disk.';
