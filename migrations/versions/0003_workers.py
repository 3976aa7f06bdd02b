"""The registry of workers: durable names beside the sessions, their heartbeats and transitions."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = """
create type jobs.worker_status as enum ('pending', 'active', 'offline');

create table jobs.worker (
    id bigint generated always as identity primary key,
    registered_at timestamptz not null default clock_timestamp(),
    changed_at timestamptz not null default clock_timestamp(),
    last_heartbeat_at timestamptz,
    draining_since timestamptz,
    status jobs.worker_status not null default 'pending',
    capacity integer,
    name text not null unique,
    region text,
    login name,
    queues text[],
    versions jsonb not null);
comment on table jobs.worker is 'The registry: a worker is a durable name. Nothing in it decides a claim.';
comment on column jobs.worker.name is 'host/name; what stands before the first slash is the host.';
comment on column jobs.worker.login is
    'Whose name it is: no other login opens a session under it. Null: the first that opens one.';
comment on column jobs.worker.queues is 'The queues it claims from; null: all, or not told.';
comment on column jobs.worker.capacity is 'How many jobs it runs at once; null: not told.';
comment on column jobs.worker.versions is 'What it runs: {"onewriter": …, "tasks": …}.';
comment on column jobs.worker.changed_at is 'Since when it has its status.';
comment on column jobs.worker.last_heartbeat_at is
    'As last recorded; a live session may be ahead of it (server_api.worker shows the later one).';
comment on column jobs.worker.draining_since is
    'Somebody drains it: its sessions get no more jobs. They know by their own row; new ones copy it when they open.';

create table jobs.worker_heartbeat (
    id bigint generated always as identity primary key,
    worker_id bigint not null,
    at timestamptz not null,
    session_id bigint);
create index worker_heartbeat_worker on jobs.worker_heartbeat (worker_id, id);
comment on table jobs.worker_heartbeat is 'The last 100 heartbeats of each worker; those of sessions are sampled.';
comment on column jobs.worker_heartbeat.session_id is 'The session it was read from; null: it came over HTTP.';

create table jobs.worker_transition (
    id bigint generated always as identity primary key,
    worker_id bigint not null,
    at timestamptz not null default clock_timestamp(),
    from_status jobs.worker_status not null,
    to_status jobs.worker_status not null,
    actor text not null,
    reason text);
create index worker_transition_worker on jobs.worker_transition (worker_id, id);
comment on table jobs.worker_transition is 'The last 1,000 changes of status of each worker, signalled on ow_workers.';

alter table jobs.session add column worker_id bigint, add column draining boolean not null default false;
comment on column jobs.session.worker_id is 'The worker in the registry (jobs.worker) that opened it.';
comment on column jobs.session.draining is 'It gets no more jobs and finishes what it has.';
"""


def upgrade() -> None:
    """Sessions that are open stay without a worker until they are opened again."""
    op.execute(TABLES)


def downgrade() -> None:
    """What was registered is lost; sessions stay."""
    op.execute(
        """
        alter table jobs.session drop column worker_id, drop column draining;
        drop table jobs.worker_transition, jobs.worker_heartbeat, jobs.worker;
        drop type jobs.worker_status;
        """
    )
