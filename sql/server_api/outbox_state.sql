-- server_api.outbox_state: how much waits for each consumer of ends, counted up to 10,000, and for how long.
create view server_api.outbox_state as
-- From consumer to consumer through the indexes: there are few, with many events each.
with recursive waits(consumer) as (
    select min(o.consumer) from jobs.outbox as o where o.parked_at is null
    union all
    select (select min(o.consumer) from jobs.outbox as o where o.parked_at is null and o.consumer > w.consumer)
      from waits as w where w.consumer is not null
), parked(consumer) as (
    select min(o.consumer) from jobs.outbox as o where o.parked_at is not null
    union all
    select (select min(o.consumer) from jobs.outbox as o where o.parked_at is not null and o.consumer > p.consumer)
      from parked as p where p.consumer is not null
), known(consumer) as (
    select w.consumer from waits as w union select p.consumer from parked as p
    union select s.consumer from jobs.subscription as s
)
select k.consumer, f.n as waiting, l.n as delayed, d.n as dead, least(f.oldest_at, l.oldest_at) as oldest_at,
       least((select o.at from jobs.outbox as o
               where o.consumer = k.consumer and o.parked_at is null and o.next_at is null
                 and o.id = (select e.id from jobs.outbox as e
                              where e.consumer = o.consumer and e.order_key = o.order_key and e.parked_at is null
                              order by e.id limit 1)
               order by o.id limit 1),
             (select min(o.next_at) from jobs.outbox as o
               where o.consumer = k.consumer and o.parked_at is null and o.next_at < clock_timestamp())) as due_since
  from known as k
 cross join lateral (
       select count(*) as n, min(w.at) as oldest_at
         from (select o.at from jobs.outbox as o
                where o.consumer = k.consumer and o.parked_at is null and o.next_at is null order by o.id limit 10000) as w) as f
 cross join lateral (
       select count(*) as n, min(w.at) as oldest_at
         from (select o.at from jobs.outbox as o
                where o.consumer = k.consumer and o.parked_at is null and o.next_at is not null limit 10000) as w) as l
 cross join lateral (
       select count(*) as n
         from (select from jobs.outbox as o where o.consumer = k.consumer and o.parked_at is not null limit 10000) as w) as d
 where k.consumer is not null;
