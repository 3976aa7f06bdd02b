-- inspect.handlers: which consumers are told of which ends, by what they are ordered, and how much waits for each.
create view inspect.handlers as
select coalesce(s.consumer, o.consumer) as consumer, s.task, s.event, s.ordered_by, s.handlers, s.published_at,
       coalesce(o.waiting, 0) as consumer_waiting, coalesce(o.delayed, 0) as consumer_delayed,
       coalesce(o.dead, 0) as consumer_dead, o.oldest_at, now() - o.due_since as stands_for
  from jobs.subscription as s full join server_api.outbox_state as o on o.consumer = s.consumer
 order by 1, 2, 3;
comment on column inspect.handlers.consumer_waiting is 'Of the whole consumer, as the columns after it; counted up to 10,000.';
comment on column inspect.handlers.stands_for is 'How long the eldest event that could be handled has waited for that.';
