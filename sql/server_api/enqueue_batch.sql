-- server_api.enqueue_batch: enqueues jobs all or nothing, under one cause and at most one idempotency key.
-- Caller: onewriter_server
-- Writes: jobs.idempotency.api_key, .key, .hash, .created_at, .job_ids, .answer
-- Calls: jobs.add, jobs.fail_with, jobs.forget_old_keys
-- Raises: OWQ01 {"index", "job_id"}, class 22 and 23 for content that the tables refuse
create or replace function server_api.enqueue_batch(_jobs text, _cause text, _idempotency text) returns text
    language plpgsql security definer
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
as $$
declare
    _items constant jsonb := _jobs::jsonb;
    _given constant jsonb := _idempotency::jsonb;
    _api_key constant bigint := coalesce((_given ->> 'api_key')::bigint, 0);
    _added record;
    _replay jsonb;
begin
    if _given is not null then
        perform jobs.forget_old_keys(jsonb_build_array(jsonb_build_object('idempotency', _given)));
        insert into jobs.idempotency (api_key, key, hash, answer, created_at)
        values (_api_key, _given ->> 'key', _given ->> 'hash', _given -> 'answer', clock_timestamp())
        on conflict (api_key, key) do nothing;
        if not found then
            select jsonb_build_object('ids', k.job_ids, 'hash', k.hash, 'answer', k.answer) into _replay
              from jobs.idempotency as k where k.api_key = _api_key and k.key = _given ->> 'key';
            return jsonb_build_object('replay', _replay);
        end if;
    end if;

    select a.ids, a.missing into _added from jobs.add(_items, _cause::jsonb) as a;
    if _added.missing is not null then
        perform jobs.fail_with('OWQ01', 'another waiting job has this queueing lock', jsonb_build_object(
            'index', _added.missing[1],
            'job_id', (select j.id from procrastinate_jobs as j
                        where j.status = 'todo' and j.queueing_lock = _items -> _added.missing[1] ->> 'queueing_lock')));
    end if;
    update jobs.idempotency as k set job_ids = _added.ids where k.api_key = _api_key and k.key = _given ->> 'key';
    return '{"ids":' || array_to_json(_added.ids) || '}';
end
$$;
