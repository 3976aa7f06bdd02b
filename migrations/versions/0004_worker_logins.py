"""One login per worker host: what it may claim, how much, and whether it was revoked."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

LOGINS = """
create table jobs.worker_login (
    login name primary key,
    created_at timestamptz not null default clock_timestamp(),
    revoked_at timestamptz,
    in_flight integer check (in_flight > 0),
    queues text[],
    tasks text[],
    granted text[],
    refused jsonb not null default '{}',
    created_by text not null,
    revoked_by text,
    revoke_reason text);
comment on table jobs.worker_login is
    'What a worker host''s login may claim. A worker login without a row may claim from every queue, without a limit.';
comment on column jobs.worker_login.in_flight is 'Jobs that all its live sessions together may hold; null: any number.';
comment on column jobs.worker_login.queues is 'The queues it was given; null: all that its tasks allow.';
comment on column jobs.worker_login.tasks is 'Patterns with * and ? of the tasks it may run; null: every task.';
comment on column jobs.worker_login.granted is
    'Resolved: the queues it may claim from, each with tasks that all fit. Null: all queues.';
comment on column jobs.worker_login.refused is 'Queues that it would have but for the reason given: {queue: reason}.';
"""

# Both are read with a row that is loaded anyway: no price for whoever has no such login.
COLUMNS = """
alter table jobs.queue add column takes jsonb;
comment on column jobs.queue.takes is
    'Sets of task patterns, of the logins that may claim from it: a job''s task must fit each set. Null: any task.';
alter table jobs.session add column restricted boolean not null default false;
comment on column jobs.session.restricted is
    'Its login has a row in jobs.worker_login: each claim looks there. Then queues is what it asked for.';
"""


def upgrade() -> None:
    """Add the table, and what enqueue and exchange read of it."""
    op.execute(LOGINS)
    op.execute(COLUMNS)


def downgrade() -> None:
    """Every worker login is unrestricted again."""
    op.execute("alter table jobs.session drop column restricted")
    op.execute("alter table jobs.queue drop column takes")
    op.execute("drop table jobs.worker_login")
