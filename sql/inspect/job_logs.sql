-- inspect.job_logs: what running jobs logged; further fields, and what they emitted, masked as arguments are.
create view inspect.job_logs as
select n.job_id, n.claim_no, n.seq, n.kind, n.at, l.level, l.message,
       jobs.mask(case n.kind when 'log' then n.data - '{level,message}'::text[] else n.data end) as data
  from jobs.note as n
  left join lateral (select n.data ->> 'level', n.data ->> 'message') as l(level, message) on n.kind = 'log';
