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

# `a <= b` on booleans reads "a implies b".
EXTEND_JOBS = """
alter table procrastinate.procrastinate_jobs
    add column created_at timestamptz,
    add column started_at timestamptz,
    add column due_at timestamptz,
    add column expires_at timestamptz,
    add column cause_id bigint,
    add column claim_no integer not null default 0,
    add column max_attempts integer,
    add column timeout real,
    add column gate smallint not null default 0,
    add column crashes smallint,
    add column actor text,
    add column request_id text,
    add constraint onewriter_gate check (
        gate between 0 and 3
        and (gate in (1, 3)) <= (lock is not null)
        and (gate = 0) <= (lock is null)
        and (status <> 'todo' or (gate = 2) = (scheduled_at is not null))),
    add constraint onewriter_doing_has_session check (status <> 'doing' or worker_id is not null),
    add constraint onewriter_limits check (timeout > 0 and max_attempts > 0);
comment on table procrastinate.procrastinate_jobs is
    'Every job and the only truth about its state: Procrastinate''s table, extended; written by functions alone.';
comment on column procrastinate.procrastinate_jobs.created_at is 'When the job was enqueued (database clock).';
comment on column procrastinate.procrastinate_jobs.started_at is
    'When the current or last run began; null while a job waits prefetched in a worker.';
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
drop index procrastinate.procrastinate_jobs_queue_name_idx_v1;
drop index procrastinate.procrastinate_jobs_id_lock_idx_v1;
drop index procrastinate.procrastinate_jobs_priority_idx_v1;
drop index procrastinate.procrastinate_jobs_queueing_lock_idx_v1;
drop index procrastinate.procrastinate_jobs_lock_idx_v1;
drop index procrastinate.idx_procrastinate_jobs_worker_not_null;
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
"""

TABLES = """
create type jobs.attempt_status as enum ('succeeded', 'failed', 'aborted', 'retried', 'lost');
create type jobs.end_status as enum ('succeeded', 'failed', 'aborted');
create type jobs.failure_reason as enum
    ('error', 'timeout', 'expired', 'lost', 'oversized', 'not_json', 'unknown_task');

create table jobs.cause (
    id bigint generated always as identity primary key,
    kind text not null check (kind in ('http', 'schedule', 'parent', 'operator', 'sql')),
    actor text,
    request_id text,
    ref text,
    reason text);
comment on table jobs.cause is 'Why jobs exist: who or what asked for them. One row per call that made some, shared by them.';

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
    pause_reason text);
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
    result jsonb,
    error text,
    primary key (job_id, claim_no),
    constraint attempt_result_size check (
        result is null or pg_column_size(result) <= 65536 or octet_length(result::text) <= 262144));
-- Rows come in the order of their time: this index costs next to nothing and serves the views of the last hour.
create index attempt_finished on jobs.attempt using brin (finished_at) with (pages_per_range = 32);
comment on table jobs.attempt is 'One row per run that ended, inserted once: how it ended, its result or its error.';

create table jobs.job_event (
    id bigint generated always as identity primary key,
    job_id bigint not null,
    at timestamptz not null default clock_timestamp(),
    type text not null check (type in
        ('cancelled', 'expired', 'abort_requested', 'retried', 'run_now', 'rescheduled', 'queueing_lock_lost')),
    actor text,
    reason text,
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

create table jobs.subscription (
    task text not null,
    event text not null,
    primary key (task, event));
comment on table jobs.subscription is 'Which ends of which tasks have a result handler: settle writes the outbox for these.';

create table jobs.outbox (
    id bigint generated always as identity primary key,
    job_id bigint not null,
    claim_no integer not null,
    event text not null,
    at timestamptz not null);
comment on table jobs.outbox is 'Ends of jobs that wait for a result handler.';

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
    reason text,
    detail jsonb);
comment on table jobs.audit is 'Append-only: who did what by hand (keys, run-now, operator verbs).';
"""

STORAGE = """
alter table procrastinate.procrastinate_jobs set (fillfactor = 100, autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.05);
alter table jobs.session set (fillfactor = 50, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0);
"""


def upgrade() -> None:
    """Make the job table ours and add what stands beside it."""
    for part in (DROP_TRIGGERS, DROP_TABLES, EXTEND_JOBS, JOB_INDEXES, TABLES, STORAGE):
        op.execute(part)


def downgrade() -> None:
    """There is no way back to Procrastinate's own tables: what its triggers recorded was never written."""
    raise NotImplementedError("0002 is the first release's schema; restore a backup to go back")
