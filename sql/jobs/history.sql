-- jobs.history: everything that happened to jobs, from facts that are inserted once; an event's id never changes.
create view jobs.history as
select f.job_id, f.id, f.place, f.at, f.type, f.actor, f.attempt, f.session_id as session, s.name as worker, f.reason, f.cause,
       nullif(jsonb_strip_nulls(f.detail), '{}') as detail
  from (
    select j.id as job_id, '0' as id, 0 as place, j.created_at as at, 'created' as type, j.cause ->> 'actor' as actor,
           null::integer as attempt, null::bigint as session_id, j.cause ->> 'reason' as reason, j.cause,
           null::jsonb as detail
      from server_api.job as j
    union all
    -- A run is told of as started as soon as that is known, and keeps the id when it has ended.
    select j.id, j.claim_no || 's', 2, j.started_at, 'started', null, j.attempts + 1, j.worker_id, null, null, null
      from procrastinate.procrastinate_jobs as j where j.status = 'doing' and j.started_at is not null
    union all
    select r.job_id, r.claim_no || 's', 2, r.started_at, 'started', null, r.attempt, r.session_id, null, null, null
      from jobs.run as r where r.started_at is not null
    union all
    select e.job_id, (e.detail ->> 'claim_no') || 's', 2, (e.detail ->> 'started_at')::timestamptz, 'started', null,
           (e.detail ->> 'attempt')::integer, (e.detail ->> 'session')::bigint, null, null, null
      from jobs.job_event as e where e.type = 'released'
    union all
    select r.job_id, r.claim_no || 'f', 3, r.finished_at,
           case r.status when 'retried' then 'retrying' else r.status::text end, null, r.attempt, r.session_id,
           r.reason::text, null, jsonb_build_object('error', r.error)
      from jobs.run as r
    union all
    select e.job_id, 'e' || e.id, 1, e.at, e.type, e.actor, (e.detail ->> 'attempt')::integer,
           (e.detail ->> 'session')::bigint, e.reason, null,
           e.detail - '{attempt,session,started_at}'::text[]
      from jobs.job_event as e
    union all
    select l.job_id, 'l' || l.id, 4, l.at, 'late_result_refused', l.login::text, null, l.session_id, null, null,
           jsonb_build_object('claim_no', l.claim_no)
      from jobs.late_results as l where l.job_id is not null
    union all
    select c.parent_id, 'c' || c.id, 4, k.at, 'children_started', c.actor, null, null, c.reason, null,
           jsonb_build_object('jobs', k.ids, 'count', k.count)
      from jobs.cause as c cross join lateral (
           select min(j.created_at), count(*), (array_agg(j.id order by j.id))[1:100]
             from procrastinate.procrastinate_jobs as j
            where j.id between c.first_job and c.last_job and j.cause_id = c.id) as k(at, count, ids)
     where c.parent_id is not null and k.count > 0
    union all
    select d.subject_job_id, 'w' || d.id, 4, d.created_at, 'webhook_sent', null, null, null, null, null,
           jsonb_build_object('webhook', h.name, 'event', d.event, 'job_id', d.job_id, 'replay_of', d.replay_of)
      from jobs.webhook_delivery as d join jobs.webhook as h on h.id = d.webhook_id
     where d.subject_job_id is not null) as f
  left join jobs.known_session as s on s.id = f.session_id;
