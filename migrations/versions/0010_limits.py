"""Limits that hold whoever writes: what one login could otherwise leave behind for every reader of it.

A result of two thousand levels, a reason of 10 MB: the database took them, and readers failed at them.
"""

from alembic import op

revision = "0010"
down_revision = "0002"
branch_labels = None
depends_on = None

# A container inside another takes 8 bytes at least, so that below 264 nothing can be 33 levels deep: small results
# are not walked.
RESULTS = """
alter table procrastinate.procrastinate_jobs add constraint onewriter_readable check (
    (result is null or pg_column_size(result) < 264 or not jsonb_path_exists(result, '$.**{33}'))
    and (error is null or octet_length(error) <= 65536));
alter table jobs.attempt add constraint attempt_error_is_short check (octet_length(error) <= 65536);
"""

REASONS = """
alter table jobs.audit add constraint audit_reason_is_short check (length(reason) <= 1000);
alter table jobs.cause add constraint cause_reason_is_short check (length(reason) <= 1000);
alter table jobs.job_event add constraint job_event_reason_is_short check (length(reason) <= 1000);
alter table jobs.queue add constraint queue_pause_reason_is_short check (length(pause_reason) <= 1000);
"""


def upgrade() -> None:
    """Add the constraints; rows that break one have to be mended first."""
    op.execute(RESULTS)
    op.execute(REASONS)


def downgrade() -> None:
    """Take them away again."""
    op.execute("alter table procrastinate.procrastinate_jobs drop constraint onewriter_readable")
    op.execute("alter table jobs.attempt drop constraint attempt_error_is_short")
    for table, constraint in (
        ("audit", "audit_reason_is_short"),
        ("cause", "cause_reason_is_short"),
        ("job_event", "job_event_reason_is_short"),
        ("queue", "queue_pause_reason_is_short"),
    ):
        op.execute(f"alter table jobs.{table} drop constraint {constraint}")
