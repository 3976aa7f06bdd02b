-- jobs.locked_webhook: a webhook by its name; no other call changes any until this transaction ends.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.fail_with
-- Raises: OWN08 {"webhook"}
create or replace function jobs.locked_webhook(_name text) returns jobs.webhook
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _webhook jobs.webhook;
begin
    -- Of the whole table: the subscriptions follow from all of them together, and changes are rare.
    lock table jobs.webhook in share row exclusive mode;
    select w.* into _webhook from jobs.webhook as w where w.name = _name;
    if not found then
        perform jobs.fail_with('OWN08', 'there is no such webhook', jsonb_build_object('webhook', _name));
    end if;
    return _webhook;
end
$$;
