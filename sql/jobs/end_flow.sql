-- jobs.end_flow: ends a running flow; answers the channel to signal.
-- Caller: internal
-- Writes: jobs.flow.state, .error, .finished_at
-- Raises: nothing
create or replace function jobs.end_flow(_id bigint, _state text, _error text) returns text[]
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
begin
    update jobs.flow as f set state = _state, error = left(_error, 1000), finished_at = clock_timestamp()
     where f.id = _id and f.state = 'running';
    return array['ow_job'];
end
$$;
