-- jobs.register_worker: enters a worker in the registry, or what a known one (_again) says of itself now; locked.
-- Caller: internal
-- Writes: jobs.worker.name, .region, .capacity, .queues, .versions, .login
-- Calls: jobs.check_worker, jobs.fail_with
-- Raises: OWW01 {"field", "message"}, OWK02 {"worker_id"}, OWR01 for a name that belongs to another login
create or replace function jobs.register_worker(
    _name text, _region text, _capacity integer, _queues text[], _versions jsonb, _login text, _again boolean)
    returns jobs.worker
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _w jobs.worker;
begin
    perform jobs.check_worker(_name, _region, _capacity, _queues, _versions, _login);
    loop
        select w.* into _w from jobs.worker as w where w.name = _name for update;
        exit when found;
        -- Hosts come and go; a stolen login that makes up names by the million is stopped.
        if _again and (select count(*) from jobs.worker as w where w.login = _login) >= 10000 then
            perform jobs.fail_with('OWW01', 'a login opens at most 10,000 workers',
                                   '{"field": "name", "message": "the login has 10,000 workers already"}');
        end if;
        insert into jobs.worker (name, region, capacity, queues, versions, login)
        values (_name, _region, _capacity, _queues, _versions, _login)
        on conflict (name) do nothing
        returning * into _w;
        if found then
            return _w;
        end if;
    end loop;
    if not _again then
        perform jobs.fail_with('OWK02', 'a worker of this name is registered', jsonb_build_object('worker_id', _w.id));
    elsif _w.login <> _login and exists (select from pg_roles as r where r.rolname = _w.login) then
        perform jobs.fail_with('OWR01', 'this worker''s name belongs to another login: choose another (--name)',
                               jsonb_build_object('worker', _name));
    end if;
    update jobs.worker as w
       set region = coalesce(_region, w.region), capacity = _capacity, queues = _queues, versions = _versions,
           login = _login
     where w.id = _w.id and (w.region, w.capacity, w.queues, w.versions, w.login)
           is distinct from (coalesce(_region, w.region), _capacity, _queues, _versions, _login::name);
    return _w;
end
$$;
