-- server_api.migration: the revision that the database is at, for /readyz.
create view server_api.migration as
select v.version_num from jobs.alembic_version as v;
