-- inspect.verify_audit: whether the audit is the chain that was written: the first line that is not, or none.
-- Caller: onewriter_dba, onewriter_server
-- Writes: nothing
-- Calls: jobs.audit_hash
-- Raises: nothing
create or replace function inspect.verify_audit() returns table (
    lines bigint, head_id bigint, head_hash text, bad_line bigint)
    language sql stable security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
    -- The chain begins behind what the last prune took away. Its head is the last line, or lines are missing.
    with start as (
        select coalesce((p.detail ->> 'id')::bigint, 0) as id,
               coalesce(decode(p.detail ->> 'hash', 'hex'), decode(repeat('00', 32), 'hex')) as hash
          from (select 1) as one left join lateral (
               select a.detail from jobs.audit as a where a.action = 'audit.prune' order by a.id desc limit 1) as p on true),
    checked as (
        select a.id, a.hash is distinct from jobs.audit_hash(
                   coalesce(lag(a.hash) over (order by a.id), start.hash), a.id, a.at, a.actor, a.login::text, a.action,
                   a.target, a.reason, a.detail) as bad
          from start cross join jobs.audit as a),
    last as (
        select a.id, a.hash from jobs.audit as a union all select start.id, start.hash from start order by 1 desc limit 1)
    select (select count(*) from jobs.audit), h.id, encode(h.hash, 'hex'),
           coalesce((select min(c.id) from checked as c where c.bad),
                    case when (h.id, h.hash) is distinct from (last.id, last.hash) then coalesce(h.id, last.id) end)
      from last left join jobs.audit_head as h on true
$$;
