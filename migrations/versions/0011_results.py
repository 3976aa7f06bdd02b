"""What becomes of results: the outbox of ends, flows of jobs, notes of running jobs, webhooks."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# A consumer is whoever acts on ends: a set of result handlers, or one of ours (flows, webhooks).
OUTBOX = """
create table jobs.subscription (
    task text not null,
    event text not null check (event in ('succeeded', 'failed', 'cancelled', 'aborted', '*')),
    consumer text not null check (length(consumer) between 1 and 128),
    ordered_by text not null default 'job' check (ordered_by in ('job', 'key', 'lock')),
    handlers text[] not null default '{}',
    published_at timestamptz not null default clock_timestamp(),
    primary key (task, event, consumer));
comment on table jobs.subscription is 'Who is told of which ends of which tasks: whatever ends a job writes the outbox for these.';
comment on column jobs.subscription.task is 'A task, or * for all.';
comment on column jobs.subscription.ordered_by is 'Which ends are handled one after another: of one job, one key, one lock.';
comment on column jobs.subscription.handlers is 'The names of the handlers, for people.';

create table jobs.outbox (
    id bigint generated always as identity primary key,
    consumer text not null,
    event text not null,
    task text,
    job_id bigint,
    run_id bigint,
    claim_no integer,
    order_key text not null,
    at timestamptz not null,
    attempts integer not null default 0,
    next_at timestamptz,
    parked_at timestamptz,
    error text check (octet_length(error) <= 16384),
    check (num_nonnulls(job_id, run_id) = 1));
create index outbox_job on jobs.outbox (job_id) where job_id is not null;
create index outbox_fresh on jobs.outbox (consumer, id) where parked_at is null and next_at is null;
create index outbox_order on jobs.outbox (consumer, order_key, id) where parked_at is null;
create index outbox_later on jobs.outbox (consumer, next_at) where parked_at is null and next_at is not null;
create index outbox_parked on jobs.outbox (consumer, id) where parked_at is not null;
alter table jobs.outbox set (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_cost_delay = 0);
comment on table jobs.outbox is 'Ends that a consumer has still to acknowledge, and the dead letters among them. Retention keeps their jobs.';
comment on column jobs.outbox.claim_no is 'The run that ended; null where none did: it was cancelled or expired while it waited.';
comment on column jobs.outbox.order_key is 'Only the first open event of it is handled: job 17, key acme, lock x, flow 5, run 9.';
comment on column jobs.outbox.next_at is 'When it is tried again after its handlers raised; null: nobody has, or it was replayed.';
comment on column jobs.outbox.attempts is 'How often a handler has raised.';
comment on column jobs.outbox.parked_at is 'When it became a dead letter: nobody tries it until it is replayed.';
"""

RELAYED = """
create table jobs.relayed (
    id uuid primary key,
    at timestamptz not null);
create index relayed_age on jobs.relayed (at);
comment on table jobs.relayed is 'Which rows of domains in other databases have become jobs: each once.';
"""

FLOWS = """
create table jobs.flow (
    id bigint generated always as identity primary key,
    kind text not null check (kind in ('chain', 'group')),
    rule text check (rule in ('all', 'any')),
    parent_id bigint,
    state text not null default 'running' check (state in ('running', 'succeeded', 'failed', 'cancelled')),
    actor text,
    request_id text,
    callback jsonb,
    results text,
    callback_job_id bigint,
    error text,
    created_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    check ((kind = 'group') = (rule is not null)));
create index flow_parent on jobs.flow (parent_id) where parent_id is not null;
create index flow_running on jobs.flow (id) where state = 'running';
create unique index flow_callback on jobs.flow (callback_job_id) where callback_job_id is not null;
comment on table jobs.flow is 'Jobs that belong together: a chain, one after another, or a group with a callback.';
comment on column jobs.flow.rule is 'When a group''s callback starts: when all have ended, or any.';
comment on column jobs.flow.parent_id is 'The job whose result handler started it.';
comment on column jobs.flow.results is 'The argument in which the next step gets the result before it, or the callback all results.';

create table jobs.flow_member (
    flow_id bigint not null references jobs.flow on delete cascade,
    n integer not null,
    job jsonb,
    job_id bigint,
    status text check (status in ('succeeded', 'failed', 'cancelled', 'aborted')),
    ended_at timestamptz,
    error text,
    primary key (flow_id, n));
create unique index flow_member_job on jobs.flow_member (job_id) where job_id is not null;
create index flow_member_open on jobs.flow_member (flow_id) where job_id is not null and status is null;
comment on table jobs.flow_member is 'The jobs of a flow; of a chain also those to come.';
comment on column jobs.flow_member.job is 'What the step of a chain will be enqueued as; null once it was.';
comment on column jobs.flow_member.error is 'Why it got no job.';

alter table jobs.cause add column parent_id bigint;
create index cause_parent on jobs.cause (parent_id) where parent_id is not null;
comment on column jobs.cause.parent_id is 'The job whose end was the cause.';

drop view if exists server_api.task;
alter table jobs.task add column events text[] not null default '{}';
create index task_events on jobs.task using gin (events);
comment on column jobs.task.events is 'The domain events of which each makes a job of this task.';
"""

NOTES = """
create table jobs.stream (
    job_id bigint primary key,
    claim_no integer not null,
    seq integer not null default 0,
    notes integer not null default 0,
    bytes bigint not null default 0,
    progress jsonb check (octet_length(progress::text) <= 4096),
    at timestamptz not null,
    truncated_at timestamptz) with (fillfactor = 50);
comment on table jobs.stream is 'What a job has said while it ran: its latest progress, and how far its notes go.';
comment on column jobs.stream.claim_no is 'The run that spoke last; seq is its last note.';
comment on column jobs.stream.bytes is 'Of all its notes, over all runs: bounded.';

create table jobs.note (
    job_id bigint not null,
    claim_no integer not null,
    seq integer not null,
    kind text not null check (kind in ('log', 'chunk')),
    at timestamptz not null,
    data jsonb not null,
    primary key (job_id, claim_no, seq));
alter table jobs.note set (autovacuum_vacuum_scale_factor = 0.05);
alter table jobs.stream set (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
comment on table jobs.note is 'What running jobs logged and emitted, in the order of the run that said it; inserted once.';
"""

# History: what no run records has more kinds, and a run's worker is known longer than its session.
HISTORY = """
alter table jobs.job_event drop constraint job_event_type_check, add constraint job_event_type_check check (type in
    ('cancelled', 'expired', 'abort_requested', 'retried', 'run_now', 'rescheduled', 'queueing_lock_lost', 'released',
     'dead_letter', 'dead_letter_replayed', 'dead_letter_discarded'));
create table jobs.past_session (
    id bigint primary key,
    name text not null,
    login name not null);
comment on table jobs.past_session is 'Whose sessions were that are gone, for the history of what they ran; the last 100,000.';
"""

WEBHOOKS = """
create table jobs.webhook (
    id bigint generated always as identity primary key,
    name text not null unique check (length(name) between 1 and 128),
    url text not null check (length(url) <= 2048),
    events text[] not null,
    tasks text[],
    secret text not null,
    description text check (length(description) <= 1000),
    revision bigint not null default 1,
    created_at timestamptz not null default clock_timestamp(),
    created_by text not null,
    updated_at timestamptz not null default clock_timestamp(),
    updated_by text not null,
    disabled_at timestamptz,
    disabled_by text,
    disabled_reason text check (length(disabled_reason) <= 1000),
    rotated_at timestamptz,
    failing_since timestamptz,
    failures integer not null default 0);
comment on table jobs.webhook is 'Where to send which events.';
comment on column jobs.webhook.events is 'job.succeeded, job.failed, job.cancelled, job.aborted, run.finished, or job.*, run.*, *.';
comment on column jobs.webhook.tasks is 'Patterns of tasks; null: all.';
comment on column jobs.webhook.secret is 'The name of the secret that signs; its value is in jobs.secret alone.';
comment on column jobs.webhook.rotated_at is 'Since when the secret has two values, the new one and the one before it.';
comment on column jobs.webhook.failing_since is 'When the first message since the last success became a dead letter; failures counts them.';

create table jobs.webhook_delivery (
    id bigint generated always as identity primary key,
    webhook_id bigint not null references jobs.webhook on delete cascade,
    message_id text not null,
    event text not null,
    subject_job_id bigint,
    subject_run_id bigint,
    job_id bigint not null,
    replay_of bigint,
    created_at timestamptz not null default clock_timestamp());
create index webhook_delivery_of on jobs.webhook_delivery (webhook_id, id);
create index webhook_delivery_subject on jobs.webhook_delivery (subject_job_id) where subject_job_id is not null;
create index webhook_delivery_message on jobs.webhook_delivery (message_id);
create unique index webhook_delivery_job on jobs.webhook_delivery (job_id);
comment on table jobs.webhook_delivery is 'One message to one endpoint; how it went is the state of its job.';
comment on column jobs.webhook_delivery.message_id is 'webhook-id of the Standard Webhooks: a replay has the same.';
"""

HISTORY_DOWN = """
drop table jobs.past_session;
delete from jobs.job_event where type in ('released', 'dead_letter', 'dead_letter_replayed', 'dead_letter_discarded');
alter table jobs.job_event drop constraint job_event_type_check, add constraint job_event_type_check check (type in
    ('cancelled', 'expired', 'abort_requested', 'retried', 'run_now', 'rescheduled', 'queueing_lock_lost'));
"""


def upgrade() -> None:
    """What is told of ends, what follows them, what running jobs say, and what is sent outside."""
    for part in (OUTBOX, RELAYED, FLOWS, NOTES, HISTORY, WEBHOOKS):
        op.execute(part)


def downgrade() -> None:
    op.execute(HISTORY_DOWN)
    op.execute("drop view if exists server_api.task")
    op.execute("alter table jobs.task drop column events")
    op.execute("alter table jobs.cause drop column parent_id")
    op.execute("""drop table jobs.webhook_delivery, jobs.webhook, jobs.note, jobs.stream, jobs.flow_member, jobs.flow,
                  jobs.relayed, jobs.outbox, jobs.subscription""")
