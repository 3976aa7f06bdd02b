"""Values that arguments name and only a granted worker gets, and who got them."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLES = """
create table jobs.secret (
    name varchar(128) primary key check (name ~ '^[A-Za-z0-9][A-Za-z0-9._/-]*$'),
    value text not null check (octet_length(value) between 1 and 16384),
    tasks text[] not null check (cardinality(tasks) > 0),
    logins text[],
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null,
    updated_by text not null);
comment on table jobs.secret is
    'What secret://name in the arguments of a job stands for. No login reads it; backups hold it in plain text.';
comment on column jobs.secret.tasks is 'Patterns with * and ? of the tasks whose jobs get the value.';
comment on column jobs.secret.logins is 'The worker logins that get it; null: every worker that runs such a job.';

create table jobs.secret_use (
    job_id bigint not null,
    claim_no integer not null,
    name varchar(128) not null,
    at timestamptz not null default clock_timestamp(),
    session_id bigint not null,
    login name not null,
    granted boolean not null,
    primary key (job_id, claim_no, name));
create index secret_use_name on jobs.secret_use (name, at);
comment on table jobs.secret_use is
    'Which worker login asked for which secret, for which claim of which job. Goes with its job.';
comment on column jobs.secret_use.granted is 'False: there was no such secret, or not for this task and login.';
"""


def upgrade() -> None:
    """Two tables."""
    op.execute(TABLES)


def downgrade() -> None:
    op.execute("drop table jobs.secret_use, jobs.secret")
