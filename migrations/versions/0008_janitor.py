"""Add what the janitor ended, and what each kind of login should be set to."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# A login that is ended again and again, every five seconds for a year, is one row that counts.
ENDED_BACKEND = """
create table jobs.ended_backend (
    login name not null,
    rule text not null check (rule in ('transaction', 'statement', 'unread', 'lease')),
    times bigint not null,
    first_at timestamptz not null,
    last_at timestamptz not null,
    last_detail jsonb not null,
    primary key (login, rule));
comment on table jobs.ended_backend is
    'Backends of workers that were ended: a row per login and rule, however often. Never pruned: its sums are counters.';
comment on column jobs.ended_backend.rule is
    'Whose limit passed: a transaction''s (5 s), a statement''s (15 s), of a client that does not read (15 s); or a lease''s.';
comment on column jobs.ended_backend.times is 'How often one was told to end.';
"""

LOGIN_SETTING = """
create table jobs.login_setting (
    role name not null,
    setting text not null,
    value text not null,
    primary key (role, setting));
comment on table jobs.login_setting is
    'What the members of each bundle should have set in this database: written by every migrate, read by inspect.alerts.';
"""


def upgrade() -> None:
    """Two small tables beside the rest."""
    op.execute(ENDED_BACKEND)
    op.execute(LOGIN_SETTING)


def downgrade() -> None:
    """What was ended is forgotten; nothing else depends on either."""
    op.execute("drop table jobs.login_setting")
    op.execute("drop table jobs.ended_backend")
