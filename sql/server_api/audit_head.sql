-- server_api.audit_head: id and hash of the newest line of the audit, as the writers know it.
create view server_api.audit_head as
select h.id, encode(h.hash, 'hex') as hash from jobs.audit_head as h;
