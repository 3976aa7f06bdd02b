-- inspect.alerts: what needs somebody, a row each, with what to do about it; empty when all is well.
create view inspect.alerts as
select a.alert, a.severity, a.since, a.value, a.threshold, a.detail, a.remedy
  from inspect.active_alerts() as a
 order by a.severity, a.alert;
comment on column inspect.alerts.value is 'What was measured: seconds, a count, or a share of one.';
comment on column inspect.alerts.threshold is 'Beyond this the alert is active.';
