-- inspect.active_alerts: what inspect.alerts shows: others' sessions and settings are hidden from a DBA's own rights.
-- Caller: onewriter_dba, onewriter_server
-- Writes: nothing
-- Calls: jobs.alert_states
-- Raises: nothing
create or replace function inspect.active_alerts() returns table (
    alert text, severity text, since timestamptz, value double precision, threshold double precision, detail text,
    remedy text)
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
    select a.alert, a.severity, a.since, a.value, a.threshold, a.detail, a.remedy
      from jobs.alert_states() as a where a.active
$$;
