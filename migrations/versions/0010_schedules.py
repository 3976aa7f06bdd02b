"""Schedules, the ledger of their runs, and which job belongs to which run."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TABLES = """
create table jobs.schedule (
    id bigint generated always as identity primary key,
    name varchar(128) not null unique check (name ~ '^[A-Za-z0-9][A-Za-z0-9._:-]*$'),
    origin text not null check (origin in ('api', 'code')),
    source text,
    definition jsonb not null check (jsonb_typeof(definition) = 'object'),
    changes jsonb not null default '{}' check (jsonb_typeof(changes) = 'object'),
    effective jsonb generated always as (
        jsonb_strip_nulls((definition || changes) - 'args')
        || coalesce(jsonb_set('{}', '{args}', nullif((definition || changes) -> 'args', 'null')), '{}')) stored,
    revision bigint not null default 1,
    vanished_at timestamptz,
    paused_at timestamptz,
    paused_by text,
    paused_reason text check (length(paused_reason) <= 1000),
    created_at timestamptz not null default clock_timestamp(),
    created_by text not null,
    updated_at timestamptz not null default clock_timestamp(),
    updated_by text not null,
    fired_until timestamptz not null default clock_timestamp(),
    planned_revision bigint,
    next_fire_at timestamptz,
    next_wake_at timestamptz,
    plan_error text,
    check ((origin = 'code') = (source is not null)),
    check (origin = 'code' or (vanished_at is null and changes = '{}')),
    check ((paused_at is null) = (paused_by is null)),
    check ((next_fire_at is null) = (next_wake_at is null)));
create index schedule_unplanned on jobs.schedule (id) where planned_revision is distinct from revision;
create index schedule_due on jobs.schedule (next_wake_at) where next_wake_at is not null;
comment on table jobs.schedule is 'What fires when. The definition has its shape in app/schedules/definition.py.';
comment on column jobs.schedule.origin is 'api: made over the API, the command line or psql; code: published with @app.periodic.';
comment on column jobs.schedule.definition is 'As it was made, or as code published it last.';
comment on column jobs.schedule.changes is 'What an operator set otherwise in a published one; publishing does not touch it.';
comment on column jobs.schedule.effective is 'What counts: the definition with the changes over it, and without nulls but in args.';
comment on column jobs.schedule.revision is 'Goes up with every change of what counts, a pause included; the ETag.';
comment on column jobs.schedule.vanished_at is 'Its source was published without it: it does not fire until it comes back.';
comment on column jobs.schedule.fired_until is
    'The high-water mark: planned times up to here have their run or were passed over, and never fire again.';
comment on column jobs.schedule.planned_revision is 'The revision that next_fire_at was computed from.';
comment on column jobs.schedule.next_wake_at is 'next_fire_at with its jitter: when the scheduler wakes for it.';
comment on column jobs.schedule.plan_error is 'Why no next fire can be computed.';

create table jobs.backfill (
    id bigint generated always as identity primary key,
    schedule_id bigint not null references jobs.schedule on delete cascade,
    from_at timestamptz not null,
    to_at timestamptz not null check (to_at >= from_at),
    concurrency integer not null check (concurrency between 1 and 100),
    actor text not null,
    reason text not null,
    request_id text,
    requested_at timestamptz not null default clock_timestamp());
comment on table jobs.backfill is 'A range of planned times that somebody had run after the fact.';
comment on column jobs.backfill.concurrency is 'How many of its runs may be open at once.';

create table jobs.schedule_run (
    id bigint generated always as identity primary key,
    schedule_id bigint references jobs.schedule on delete set null,
    schedule varchar(128) not null,
    trigger text not null check (trigger in ('cron', 'catch-up', 'manual', 'backfill')),
    state text not null check (state in ('pending', 'running', 'finished', 'skipped')),
    planned_at timestamptz not null,
    requested_at timestamptz not null default clock_timestamp(),
    started_at timestamptz,
    finished_at timestamptz,
    actor text,
    reason text check (length(reason) <= 1000),
    request_id text,
    args jsonb,
    force boolean not null default false,
    missed integer not null default 0 check (missed >= 0),
    backfill_id bigint references jobs.backfill on delete set null,
    note text,
    members integer,
    succeeded integer,
    failed integer,
    outcome text check (outcome in ('succeeded', 'failed', 'partial')),
    error text,
    check ((state in ('running', 'finished')) = (started_at is not null)),
    check ((state in ('finished', 'skipped')) = (finished_at is not null)),
    check ((state = 'finished') = (outcome is not null)));
create unique index schedule_run_planned on jobs.schedule_run (schedule_id, planned_at) where trigger in ('cron', 'catch-up');
create index schedule_run_of on jobs.schedule_run (schedule_id, id desc);
create index schedule_run_started on jobs.schedule_run (schedule_id, id desc) where started_at is not null;
create index schedule_run_open on jobs.schedule_run (schedule_id, id)
    where state in ('pending', 'running') and backfill_id is null;
create index schedule_run_backfill on jobs.schedule_run (backfill_id, state, id)
    where state in ('pending', 'running') and backfill_id is not null;
create index schedule_run_of_backfill on jobs.schedule_run (backfill_id) where backfill_id is not null;
create index schedule_run_running on jobs.schedule_run (id) where state = 'running';
create index schedule_run_finished on jobs.schedule_run (finished_at) where finished_at is not null;
comment on table jobs.schedule_run is 'The ledger: every fire of a schedule, and every one that was passed over.';
comment on column jobs.schedule_run.schedule is 'Its name then; stays when the schedule is deleted.';
comment on column jobs.schedule_run.trigger is
    'cron: in time; catch-up: late, for times that nobody was there for; manual: run-now; backfill.';
comment on column jobs.schedule_run.planned_at is 'The time of the schedule that it stands for; a manual one: when it was asked for.';
comment on column jobs.schedule_run.args is 'Arguments that a manual run overrides.';
comment on column jobs.schedule_run.missed is 'How many earlier planned times it stands for, or passes over, besides its own.';
comment on column jobs.schedule_run.note is 'Why it waits or was skipped.';
comment on column jobs.schedule_run.members is 'Jobs it was to have; with succeeded and failed it is counted when the run ends.';
comment on column jobs.schedule_run.error is 'The first error of a member.';

create table jobs.schedule_member (
    run_id bigint not null references jobs.schedule_run on delete cascade,
    n integer not null,
    task text not null,
    job_id bigint,
    error jsonb,
    status text check (status in ('succeeded', 'failed', 'cancelled', 'aborted')),
    ended_at timestamptz,
    primary key (run_id, n),
    check ((job_id is null) = (error is not null)));
create unique index schedule_member_job on jobs.schedule_member (job_id) where job_id is not null;
create index schedule_member_open on jobs.schedule_member (run_id) where job_id is not null and status is null;
comment on table jobs.schedule_member is 'The members of a run: each its job and how that ended, or why it got none. Pruned with the run, not with the job.';
comment on column jobs.schedule_member.error is 'Why no job was inserted: {"error", "message"}.';
"""

GROUP = """
drop view if exists server_api.task;
alter table jobs.task drop column periodic, add column "group" text;
comment on column jobs.task."group" is 'What a schedule may have as its target besides single tasks.';
"""


def upgrade() -> None:
    """Four tables, a column that tells a run's jobs from others, and a task's group instead of its crons."""
    op.execute(TABLES)
    op.execute(GROUP)
    op.execute("alter table procrastinate.procrastinate_jobs add column run_id bigint")
    op.execute(
        "comment on column procrastinate.procrastinate_jobs.run_id is 'The run of a schedule that it belongs to.'"
    )


def downgrade() -> None:
    op.execute("drop view if exists server_api.task")
    op.execute('alter table jobs.task drop column "group", add column periodic jsonb')
    op.execute("alter table procrastinate.procrastinate_jobs drop column run_id")
    op.execute("drop table jobs.schedule_member, jobs.schedule_run, jobs.backfill, jobs.schedule")
