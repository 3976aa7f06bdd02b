-- inspect.ended_backends: which logins' backends were ended, by which rule, how often, and the last of each.
create view inspect.ended_backends as
select e.login::text as login, e.rule, e.times, e.first_at, e.last_at, e.last_detail ->> 'application' as application,
       e.last_detail ->> 'client' as client, e.last_detail ->> 'state' as state
  from jobs.ended_backend as e
 order by e.last_at desc;
comment on column inspect.ended_backends.rule is
    'transaction (5 s), statement (15 s), unread (its client did not read for 15 s), lease (rescue found its row locked).';
