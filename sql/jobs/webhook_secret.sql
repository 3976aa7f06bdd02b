-- jobs.webhook_secret: a secret that signs, as the Standard Webhooks write it: the given one, looked at, or a new one.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.fail_with
-- Raises: OWV01 {"field", "message"}
create or replace function jobs.webhook_secret(_given text) returns text
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    -- Two random UUIDs have 244 bits of the server's strong source.
    _new constant text := replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
begin
    if _given is null then
        return 'whsec_' || encode(decode(_new, 'hex'), 'base64');
    elsif _given !~ '^whsec_([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$'
          or octet_length(decode(substr(_given, 7), 'base64')) not between 24 and 64 then
        perform jobs.fail_with('OWV01', 'a secret is whsec_ and 24 to 64 bytes in base64',
                               '{"field": "secret", "message": "whsec_ and 24 to 64 bytes in base64"}');
    end if;
    return _given;
end
$$;
