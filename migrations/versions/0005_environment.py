"""Where this database was armed, and as what.

A copy carries the row along and finds itself in another place: there nothing runs until somebody arms it.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = """
create table jobs.environment (
    only_row boolean primary key default true check (only_row),
    id text not null check (id ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
    place text not null,
    armed_in text not null,
    armed_at timestamptz not null,
    armed_by text not null);
comment on table jobs.environment is
    'As what and where this database was armed. In any other place it is a copy, and nothing runs in it.';
comment on column jobs.environment.id is 'What workers, API and scheduler must present (ONEWRITER_ENVIRONMENT).';
comment on column jobs.environment.place is
    'jobs.place() at that time: cluster, database and this table, of which a copy has at least one of its own.';
comment on column jobs.environment.armed_in is 'The database''s name at that time, for people.';
"""


def upgrade() -> None:
    """`migrate` arms a database that never was; a restored one brings its row along."""
    op.execute(TABLES)


def downgrade() -> None:
    op.execute("drop table jobs.environment")
