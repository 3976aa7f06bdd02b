-- jobs.member_results: how the members of a group ended, in their order: [{"job_id", "status", "result"}]; of what is far too large a text without them.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.member_results(_flow_id bigint) returns jsonb
    language plpgsql stable
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
begin
    -- As stored they are never larger than as text: what is refused anyway is not put together first.
    if (select sum(pg_column_size(j.result)) > 1048576
          from jobs.flow_member as m join procrastinate_jobs as j on j.id = m.job_id where m.flow_id = _flow_id) then
        return to_jsonb(repeat('x', 1048576));
    end if;
    return (select coalesce(jsonb_agg(jsonb_build_object('job_id', m.job_id, 'status', m.status, 'result', j.result) order by m.n), '[]')
              from jobs.flow_member as m left join procrastinate_jobs as j on j.id = m.job_id and m.status = 'succeeded'
             where m.flow_id = _flow_id);
end
$$;
