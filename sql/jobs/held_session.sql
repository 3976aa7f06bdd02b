-- jobs.held_session: the caller's live session, locked so that the sweep cannot take it meanwhile; null if it is gone.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.held_session(_session bigint, _secret text) returns jobs.session
    language sql
    set search_path = pg_catalog, jobs, pg_temp
as $$
    select s from jobs.session as s
     where s.id = _session and s.secret = _secret and s.login = session_user
       and s.lost_at is null and s.closed_at is null
       for key share
$$;
