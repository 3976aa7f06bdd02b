-- server_api.register_worker: enters a worker in the registry by hand; audited. It gets no jobs by that.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.record_audit, jobs.register_worker
-- Raises: OWW01 {"field", "message"}, OWK02 {"worker_id"}
create or replace function server_api.register_worker(
    _host text, _name text, _region text, _capacity integer, _queues text[], _versions jsonb, _login text, _actor text)
    returns bigint
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _worker constant jobs.worker := jobs.register_worker(
        _host || '/' || _name, _region, _capacity, _queues, coalesce(_versions, '{}'), _login, false);
begin
    perform jobs.record_audit(_actor, 'workers.register', _worker.name, null, jsonb_strip_nulls(jsonb_build_object(
        'region', _region, 'capacity', _capacity, 'queues', _queues, 'login', _login)));
    return _worker.id;
end
$$;
