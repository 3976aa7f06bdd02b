"""Extend Procrastinate's job table and add onewriter's own tables, constraints and indexes.

Behaviour (functions, views, grants) is not here: it lives in `sql/` and is applied after the migrations.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Triggers cost 37 us a job, and what they recorded is derived from facts instead (views over jobs.attempt and
# jobs.job_event). Procrastinate's trigger functions are dropped with the contract, which defines none of them.
DROP_TRIGGERS = """
drop trigger procrastinate_jobs_notify_queue_job_inserted_v1 on procrastinate.procrastinate_jobs;
drop trigger procrastinate_jobs_notify_queue_job_aborted_v1 on procrastinate.procrastinate_jobs;
drop trigger procrastinate_trigger_status_events_update_v1 on procrastinate.procrastinate_jobs;
drop trigger procrastinate_trigger_status_events_insert_v1 on procrastinate.procrastinate_jobs;
drop trigger procrastinate_trigger_scheduled_events_v1 on procrastinate.procrastinate_jobs;
drop trigger procrastinate_trigger_abort_requested_events_v1 on procrastinate.procrastinate_jobs;
drop trigger procrastinate_trigger_delete_jobs_v1 on procrastinate.procrastinate_jobs;
"""

# The tables become views over our facts (sql/procrastinate/); periodic tasks are deferred by no worker.
DROP_TABLES = """
drop table procrastinate.procrastinate_periodic_defers;
drop table procrastinate.procrastinate_events;
alter table procrastinate.procrastinate_jobs drop constraint procrastinate_jobs_worker_id_fkey;
drop function procrastinate.procrastinate_register_worker_v1();
drop function procrastinate.procrastinate_prune_stalled_workers_v1(double precision);
drop table procrastinate.procrastinate_workers;
"""

TYPES = """
create type jobs.attempt_status as enum ('succeeded', 'failed', 'aborted', 'retried', 'lost');
create type jobs.failure_reason as enum
    ('error', 'timeout', 'expired', 'lost', 'oversized', 'not_json', 'unknown_task');
"""

# The package's columns and ours, in another order: what is fixed in width and never null comes first, because an
# update compares every indexed column of the old row with the new one, and finds those without walking the row
# (6 of 76 thousand instructions of a claim). Functions that stock has over the table's row type go with it.
REBUILD_JOBS = """
alter table procrastinate.procrastinate_jobs rename to stock_jobs;
alter sequence procrastinate.procrastinate_jobs_id_seq owned by none;
create table procrastinate.procrastinate_jobs as
select id, status, priority, attempts, 0 as claim_no, 0::smallint as gate, abort_requested, queue_name, task_name, args,
       worker_id, null::timestamptz as created_at, null::timestamptz as started_at, null::timestamptz as finished_at,
       null::bigint as cause_id, null::text as actor, null::text as request_id, lock, queueing_lock, scheduled_at,
       null::timestamptz as due_at, null::timestamptz as expires_at, null::integer as max_attempts,
       null::real as timeout, null::smallint as crashes, null::jobs.failure_reason as reason,
       null::jsonb as result, null::text as error
  from procrastinate.stock_jobs;
drop table procrastinate.stock_jobs cascade;
alter sequence procrastinate.procrastinate_jobs_id_seq owned by procrastinate.procrastinate_jobs.id;
"""

# A job's claim and end each add an entry beside its first one: with room for them no leaf of the primary key has to
# look for dead ones (a tenth of the instructions of a drain; 20 bytes a job).
# One CASE reads one branch of one constraint per row; a constraint each cost an update 5 % more. A container inside
# another takes 8 bytes at least: below 264 nothing can be 33 levels deep, and small results are not walked.
CONSTRAIN_JOBS = """
alter table procrastinate.procrastinate_jobs
    add constraint procrastinate_jobs_pkey primary key (id) with (fillfactor = 50),
    alter column id set default nextval('procrastinate.procrastinate_jobs_id_seq'),
    alter column status set not null, alter column status set default 'todo',
    alter column priority set not null, alter column priority set default 0,
    alter column attempts set not null, alter column attempts set default 0,
    alter column claim_no set not null, alter column claim_no set default 0,
    alter column gate set not null, alter column gate set default 0,
    alter column abort_requested set not null, alter column abort_requested set default false,
    alter column queue_name set not null,
    alter column task_name set not null,
    alter column args set not null, alter column args set default '{}',
    alter column created_at set not null, alter column created_at set default clock_timestamp(),
    add constraint onewriter_state check (case status
        when 'todo' then finished_at is null and not abort_requested and case gate
            when 0 then lock is null and scheduled_at is null
            when 2 then scheduled_at is not null
            else gate in (1, 3) and lock is not null and scheduled_at is null end
        when 'doing' then finished_at is null and worker_id is not null and gate in (0, 1)
        else finished_at is not null end),
    add constraint onewriter_limits check (timeout > 0 and max_attempts > 0
        and (error is null or octet_length(error) <= 65536)
        and (result is null or pg_column_size(result) < 264
             or (pg_column_size(result) <= 65536 or octet_length(result::text) <= 262144)
                and not jsonb_path_exists(result, '$.**{33}')));
comment on table procrastinate.procrastinate_jobs is
    'Every job and the only truth about its state: Procrastinate''s table, extended; written by functions alone.';
comment on column procrastinate.procrastinate_jobs.created_at is 'When the job was enqueued (database clock).';
comment on column procrastinate.procrastinate_jobs.started_at is
    'When the current or last run began; null while a job waits prefetched in a worker.';
comment on column procrastinate.procrastinate_jobs.finished_at is 'When the job ended, by a run or without one.';
comment on column procrastinate.procrastinate_jobs.reason is 'Why it failed: of its last run, or expired.';
comment on column procrastinate.procrastinate_jobs.result is 'What its last run returned.';
comment on column procrastinate.procrastinate_jobs.error is 'What its last run raised.';
comment on column procrastinate.procrastinate_jobs.due_at is
    'The planned time of a job that was scheduled and has become due; scheduled_at is then null.';
comment on column procrastinate.procrastinate_jobs.expires_at is 'A job not started by then fails with reason expired.';
comment on column procrastinate.procrastinate_jobs.cause_id is
    'Why the job exists: jobs.cause. Null for one that came by itself over HTTP: actor and request_id say it.';
comment on column procrastinate.procrastinate_jobs.actor is 'The name of the API key, where cause_id is null.';
comment on column procrastinate.procrastinate_jobs.request_id is 'The X-Request-Id, where cause_id is null.';
comment on column procrastinate.procrastinate_jobs.claim_no is
    'Grows with every hand-out and is never reused: the fence. A result counts only with the current one.';
comment on column procrastinate.procrastinate_jobs.max_attempts is 'Runs allowed in all; null: as many as the task wants.';
comment on column procrastinate.procrastinate_jobs.timeout is 'Seconds that one run may take.';
comment on column procrastinate.procrastinate_jobs.gate is
    '0 ready, 1 ready and has a lock, 2 waits for scheduled_at, 3 parked behind its lock.';
comment on column procrastinate.procrastinate_jobs.crashes is
    'How often its worker was lost while it ran; 0: was held unstarted by a lost worker; null: never.';
"""

# Every update of a job makes an entry in each index without a predicate, so only the primary key has none.
# The predicates of the two ready indexes differ in form (gate < 2, gate in (0, 1)) on purpose: the claim names
# one of them and the planner cannot take the other, whatever the statistics say. Each index costs every update its
# predicate, 0.4 us, though the row is not in it: what is rare (an abort asked, a suspect) shares one.
JOB_INDEXES = """
create unique index procrastinate_jobs_queueing_lock_idx_v1 on procrastinate.procrastinate_jobs (queueing_lock)
    where status = 'todo' and queueing_lock is not null;
create unique index procrastinate_jobs_lock_idx_v1 on procrastinate.procrastinate_jobs (lock)
    where status = 'doing' and lock is not null;
create index onewriter_ready_by_queue on procrastinate.procrastinate_jobs (queue_name, priority desc, id)
    where status = 'todo' and gate < 2;
create index onewriter_ready on procrastinate.procrastinate_jobs (priority desc, id)
    where status = 'todo' and gate in (0, 1);
create index onewriter_due on procrastinate.procrastinate_jobs (scheduled_at, queue_name)
    where status = 'todo' and gate = 2;
create index onewriter_places on procrastinate.procrastinate_jobs (lock, priority desc, id)
    where status = 'todo' and lock is not null and (gate <> 2 or claim_no > 0);
create index onewriter_held on procrastinate.procrastinate_jobs (worker_id) where status = 'doing';
create index onewriter_attention on procrastinate.procrastinate_jobs (worker_id)
    where status = 'doing' and abort_requested or status = 'todo' and crashes > 0;
create index onewriter_expiry on procrastinate.procrastinate_jobs (expires_at)
    where status = 'todo' and expires_at is not null;
-- Ends are written in the order of their time: this costs next to nothing and serves what asks for the last hour.
create index onewriter_finished on procrastinate.procrastinate_jobs using brin (finished_at) with (pages_per_range = 32);
"""

TABLES = """
create table jobs.cause (
    id bigint generated always as identity primary key,
    kind text not null check (kind in ('http', 'schedule', 'parent', 'operator', 'sql')),
    actor text,
    request_id text,
    ref text,
    reason text check (length(reason) <= 1000),
    first_job bigint not null,
    last_job bigint not null);
comment on table jobs.cause is 'Why jobs exist: who or what asked for them. One row per call that made some, shared by them.';
comment on column jobs.cause.first_job is 'The ids that the call drew: first_job to last_job.';

create table jobs.job_detail (
    job_id bigint primary key,
    key text not null);
create index job_detail_key on jobs.job_detail (key, job_id);
comment on table jobs.job_detail is 'What few jobs have and would widen every job row: the caller''s own key.';

create table jobs.queue (
    name varchar(128) primary key,
    created_at timestamptz not null default clock_timestamp(),
    paused_at timestamptz,
    paused_by text,
    pause_reason text check (length(pause_reason) <= 1000));
comment on table jobs.queue is 'A row per queue, made by the first job in it; a paused queue hands out nothing.';

create table jobs.session (
    id bigint generated always as identity primary key,
    opened_at timestamptz not null,
    last_seen_at timestamptz not null,
    expires_at timestamptz not null,
    lost_at timestamptz,
    closed_at timestamptz,
    lease interval not null check (lease between interval '5 s' and interval '300 s'),
    backend_pid integer not null,
    name text not null check (length(name) between 1 and 128),
    login name not null,
    secret text not null,
    queues text[],
    info jsonb);
create index session_expiry on jobs.session (expires_at) where lost_at is null and closed_at is null;
comment on table jobs.session is 'One open of a worker with its lease. Lost ones stay a day, for evidence.';
comment on column jobs.session.queues is 'The queues it claims from; null: all, also later ones.';

create table jobs.attempt (
    job_id bigint not null,
    session_id bigint,
    started_at timestamptz,
    finished_at timestamptz not null,
    claim_no integer not null,
    attempt integer not null,
    status jobs.attempt_status not null,
    reason jobs.failure_reason,
    error text check (octet_length(error) <= 65536),
    primary key (job_id, claim_no));
comment on table jobs.attempt is
    'One row per run after which the job ran again, inserted once; the last run stands in the job''s row (jobs.run).';

create table jobs.job_event (
    id bigint generated always as identity primary key,
    job_id bigint not null,
    at timestamptz not null default clock_timestamp(),
    type text not null check (type in
        ('cancelled', 'expired', 'abort_requested', 'retried', 'run_now', 'rescheduled', 'queueing_lock_lost')),
    actor text,
    reason text check (length(reason) <= 1000),
    detail jsonb);
create index job_event_job on jobs.job_event (job_id, id);
comment on table jobs.job_event is 'What happened to a job and no attempt records.';

create table jobs.late_results (
    id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    job_id bigint,
    session_id bigint not null,
    claim_no integer,
    login name not null,
    item text not null);
comment on table jobs.late_results is 'Results refused because their sender did not hold the job any more.';

create table jobs.idempotency (
    api_key bigint not null,
    key text not null,
    hash text not null,
    created_at timestamptz not null,
    job_ids bigint[],
    answer jsonb,
    primary key (api_key, key));
create index idempotency_age on jobs.idempotency (created_at);
comment on table jobs.idempotency is 'Answers to requests with an Idempotency-Key, kept 24 hours.';

create table jobs.api_key (
    id bigint generated always as identity primary key,
    name text not null unique check (length(name) between 1 and 128),
    prefix text not null,
    hash text not null unique,
    scopes text[] not null,
    queues text[],
    tasks text[],
    created_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz,
    revoked_at timestamptz,
    revoked_by text);
comment on table jobs.api_key is 'Keys of the HTTP API: only a SHA-256 of each is stored.';

create table jobs.task (
    name varchar(128) primary key,
    source text not null,
    queue varchar(128) not null,
    priority integer not null,
    lock text,
    queueing_lock text,
    description text,
    schema jsonb not null,
    retry jsonb,
    timeout real,
    max_attempts integer,
    periodic jsonb,
    aliases text[] not null default '{}',
    published_at timestamptz not null);
comment on table jobs.task is 'The catalogue: what workers can run, as published at deployment.';

create table jobs.audit (
    id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    actor text not null,
    login name not null,
    action text not null,
    target text not null,
    reason text check (length(reason) <= 1000),
    detail jsonb);
comment on table jobs.audit is 'Append-only: who did what by hand (keys, run-now, operator verbs). Retention deletes what is old.';
"""

# Autovacuum's defaults wait for a fifth of a table, in small portions; here a row of a job dies with each claim and each
# end, and dead entries are what a claim steps over. So it comes at 2 percent and works without pauses. What retention
# takes rows from is visited at 5 percent; what is emptied as fast as it is filled, after a fixed number.
STORAGE = """
alter table procrastinate.procrastinate_jobs set (fillfactor = 100, autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.05);
alter table jobs.session set (fillfactor = 50, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0);
alter table jobs.attempt set (autovacuum_vacuum_scale_factor = 0.05);
alter table jobs.cause set (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
alter table jobs.job_event set (autovacuum_vacuum_scale_factor = 0.05);
alter table jobs.job_detail set (autovacuum_vacuum_scale_factor = 0.05);
alter table jobs.idempotency set (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
alter table jobs.late_results set (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);
"""


def upgrade() -> None:
    """Make the job table ours and add what stands beside it."""
    for part in (
        TYPES,
        DROP_TRIGGERS,
        DROP_TABLES,
        REBUILD_JOBS,
        CONSTRAIN_JOBS,
        JOB_INDEXES,
        TABLES,
        STORAGE,
    ):
        op.execute(part)


def downgrade() -> None:
    """There is no way back to Procrastinate's own tables: what its triggers recorded was never written."""
    raise NotImplementedError("0002 is the first release's schema; restore a backup to go back")
