"""Chain the audit: each line carries a hash over itself and the line before it.

Lines that are there already are chained as they stand.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# Ids come from the head of the chain from now on: a rolled-back transaction leaves no gap.
COLUMNS = """
alter table jobs.audit alter column id drop identity;
alter table jobs.audit add column hash bytea;
comment on column jobs.audit.hash is 'SHA-256 over the hash of the line before and this line (docs/operations.md, Audit).';

create table jobs.audit_head (
    one boolean primary key default true check (one),
    id bigint not null,
    hash bytea not null check (length(hash) = 32));
comment on table jobs.audit_head is 'One row: id and hash of the newest line of the audit. Who writes a line holds it.';
insert into jobs.audit_head (id, hash) values (0, decode(repeat('00', 32), 'hex'));
"""

# What jobs.audit_hash computes; written out, since behaviour comes after the migrations and may change.
CHAIN = """
alter table jobs.audit disable trigger user;
do $$
declare
    _line record;
    _id bigint := 0;
    _hash bytea := decode(repeat('00', 32), 'hex');
begin
    for _line in select a.* from jobs.audit as a order by a.id loop
        _id := _line.id;
        _hash := sha256(convert_to(jsonb_build_array(
            encode(_hash, 'hex'), _line.id, to_char(_line.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            _line.actor, _line.login::text, _line.action, _line.target, _line.reason, _line.detail::text)::text, 'UTF8'));
        update jobs.audit as a set hash = _hash where a.id = _id;
    end loop;
    update jobs.audit_head as h set id = _id, hash = _hash;
end
$$;
alter table jobs.audit enable trigger user;
alter table jobs.audit alter column hash set not null;
"""

DOWN = """
drop view if exists server_api.audit_head, server_api.audit, inspect.audit;
drop table jobs.audit_head;
alter table jobs.audit drop column hash;
alter table jobs.audit alter column id add generated always as identity;
select setval(pg_get_serial_sequence('jobs.audit', 'id'), greatest(max(id), 1), max(id) is not null) from jobs.audit;
"""


def upgrade() -> None:
    op.execute(COLUMNS)
    op.execute(CHAIN)


def downgrade() -> None:
    op.execute(DOWN)
