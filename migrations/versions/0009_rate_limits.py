"""A rate limit per API key."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

UP = """
alter table jobs.api_key
    add column rate double precision check (rate > 0 and rate <> 'NaN'),
    add column burst integer check (burst > 0);
comment on column jobs.api_key.rate is 'Jobs and other requests a second, per API process; null: its default, infinity: no limit.';
comment on column jobs.api_key.burst is 'What may come at once after a pause; null: what a second brings.';
"""

DOWN = """
drop view if exists server_api.api_key;
alter table jobs.api_key drop column rate, drop column burst;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
