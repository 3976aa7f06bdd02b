-- inspect.late_results: results that came from a worker which did not hold the job any more; refused, and kept as evidence.
create view inspect.late_results as
select l.id, l.at, l.job_id, l.claim_no, l.session_id as session, l.login::text as login, octet_length(l.item) as bytes
  from jobs.late_results as l;
