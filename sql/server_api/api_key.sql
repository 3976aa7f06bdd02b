-- server_api.api_key: the keys of the HTTP API, by hash.
create view server_api.api_key as
select k.id, k.name, k.prefix, k.hash, k.scopes, k.queues, k.tasks, k.expires_at, k.created_at, k.revoked_at, k.revoked_by,
       k.rate, k.burst
  from jobs.api_key as k;
