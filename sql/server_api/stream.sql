-- server_api.stream: what jobs have said while they ran: the latest progress, and how far their notes go.
create view server_api.stream as
select s.job_id, s.claim_no, s.seq, s.notes, s.bytes, s.progress, s.at, s.truncated_at from jobs.stream as s;
