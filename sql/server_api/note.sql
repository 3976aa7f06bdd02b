-- server_api.note: what running jobs logged and emitted, in the order of (claim_no, seq).
create view server_api.note as
select n.job_id, n.claim_no, n.seq, n.kind, n.at, n.data from jobs.note as n;
