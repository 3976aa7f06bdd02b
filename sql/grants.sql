-- The whole access control on one page: role x function. Nothing else is granted to anybody.
-- A login gets these through its bundle. No login holds a right to write any table.

grant usage on schema procrastinate to onewriter_server, onewriter_handler, onewriter_worker, onewriter_producer, onewriter_dba, onewriter_janitor;
grant usage on schema worker_api    to onewriter_worker;
grant usage on schema server_api    to onewriter_server, onewriter_handler, onewriter_producer, onewriter_janitor;
grant usage on schema operator_api  to onewriter_dba;
grant usage on schema inspect       to onewriter_dba, onewriter_server;

-- onewriter_worker: open a session, exchange, resume after a lost connection, close; see its own running jobs.
grant execute on function worker_api.open     to onewriter_worker;
grant execute on function worker_api.exchange to onewriter_worker;
grant execute on function worker_api.resume   to onewriter_worker;
grant execute on function worker_api.close    to onewriter_worker;
grant execute on function worker_api.writable to onewriter_worker;
grant select  on worker_api.running           to onewriter_worker;
-- The values that the arguments of its own running jobs name; nobody else reads one.
grant execute on function worker_api.secrets  to onewriter_worker;

-- onewriter_server: the API and the scheduler.
grant execute on function server_api.enqueue            to onewriter_server;
grant execute on function server_api.enqueue_many       to onewriter_server;
grant execute on function server_api.enqueue_batch      to onewriter_server;
grant execute on function server_api.cancel             to onewriter_server;
grant execute on function server_api.retry              to onewriter_server;
grant execute on function server_api.run_now            to onewriter_server;
grant execute on function server_api.remove             to onewriter_server;
grant execute on function server_api.is_gone            to onewriter_server;
grant execute on function server_api.pause_queue        to onewriter_server;
grant execute on function server_api.resume_queue       to onewriter_server;
grant execute on function server_api.publish_tasks      to onewriter_server;
grant execute on function server_api.create_key         to onewriter_server;
grant execute on function server_api.revoke_key         to onewriter_server;
grant execute on function server_api.record_audit       to onewriter_server;
grant execute on function server_api.elect              to onewriter_server;
grant execute on function server_api.scheduler_state    to onewriter_server;
grant execute on function server_api.rescue             to onewriter_server;
grant execute on function server_api.expire             to onewriter_server;
grant execute on function server_api.forget_idempotency to onewriter_server;
grant execute on function server_api.prune_jobs         to onewriter_server;
grant execute on function server_api.prune_audit        to onewriter_server;
grant execute on function server_api.prune_relayed      to onewriter_server;
-- The registry of workers: verbs by hand and over HTTP, and the three transitions that the scheduler makes.
grant execute on function server_api.register_worker    to onewriter_server;
grant execute on function server_api.heartbeat_worker   to onewriter_server;
grant execute on function server_api.set_worker_status  to onewriter_server;
grant execute on function server_api.drain_worker       to onewriter_server;
grant execute on function server_api.resume_worker      to onewriter_server;
grant execute on function server_api.remove_worker      to onewriter_server;
grant execute on function server_api.activate_workers   to onewriter_server;
grant execute on function server_api.retire_workers     to onewriter_server;
grant execute on function server_api.reactivate_workers to onewriter_server;
grant execute on function server_api.prune_workers      to onewriter_server;
grant select  on server_api.worker            to onewriter_server;
grant select  on server_api.worker_heartbeat  to onewriter_server;
grant select  on server_api.worker_transition to onewriter_server;
grant select  on server_api.worker_job        to onewriter_server;
-- Runs of schedules: the scheduler makes, starts and closes them; the API asks for them.
grant execute on function server_api.due_schedules    to onewriter_server;
grant execute on function server_api.plan_schedules   to onewriter_server;
grant execute on function server_api.fire_schedules   to onewriter_server;
grant execute on function server_api.start_runs       to onewriter_server;
grant execute on function server_api.close_runs       to onewriter_server;
grant execute on function server_api.request_run      to onewriter_server;
grant execute on function server_api.request_backfill to onewriter_server;
grant execute on function server_api.prune_runs       to onewriter_server;
grant select  on server_api.schedule_run    to onewriter_server;
grant select  on server_api.schedule_member to onewriter_server;
-- Schedules: their definitions.
grant execute on function server_api.put_schedule    to onewriter_server;
grant execute on function server_api.remove_schedule to onewriter_server;
grant execute on function server_api.pause_schedule  to onewriter_server;
grant execute on function server_api.resume_schedule to onewriter_server;
grant select  on server_api.schedule to onewriter_server;
-- Secrets: written and listed, never read.
grant execute on function server_api.set_secret    to onewriter_server;
grant execute on function server_api.remove_secret to onewriter_server;
grant select  on server_api.secret   to onewriter_server;
grant select  on inspect.secret_uses to onewriter_dba, onewriter_server;
-- Webhooks: their definitions, and what is sent to them; their secrets are told once and never read.
grant execute on function server_api.put_webhook         to onewriter_server;
grant execute on function server_api.remove_webhook      to onewriter_server;
grant execute on function server_api.rotate_webhook      to onewriter_server;
grant execute on function server_api.set_webhook_enabled to onewriter_server;
grant execute on function server_api.ping_webhook        to onewriter_server;
grant execute on function server_api.replay_webhook      to onewriter_server;
grant execute on function server_api.deliver_webhooks    to onewriter_server;
grant select  on server_api.webhook           to onewriter_server;
grant select  on server_api.webhook_delivery  to onewriter_server;
grant execute on function operator_api.enable_webhook  to onewriter_dba;
grant execute on function operator_api.disable_webhook to onewriter_dba;
grant execute on function operator_api.ping_webhook    to onewriter_dba;
grant execute on function operator_api.replay_webhook  to onewriter_dba;
grant select on inspect.webhooks           to onewriter_dba, onewriter_server;
grant select on inspect.webhook_deliveries to onewriter_dba, onewriter_server;
-- Whether this is a copy that nobody armed: asked by the API; shown to people.
grant execute on function server_api.require_armed to onewriter_server;
grant execute on function inspect.environment      to onewriter_dba, onewriter_server;
-- Flows and domain events: started by whoever has a transaction of his own, advanced by the scheduler.
grant execute on function server_api.start_jobs     to onewriter_server, onewriter_handler, onewriter_producer;
grant execute on function server_api.publish_event  to onewriter_server, onewriter_handler, onewriter_producer;
grant execute on function server_api.advance_flows  to onewriter_server;
grant select  on server_api.task        to onewriter_producer;
grant select  on server_api.flow        to onewriter_server, onewriter_handler;
grant select  on server_api.flow_member to onewriter_server, onewriter_handler;
grant select  on server_api.child       to onewriter_server, onewriter_handler;
grant select  on inspect.flows          to onewriter_dba, onewriter_server;
-- What running jobs say: read by whoever shows it; to people logs only, and the rest masked.
grant select on server_api.stream, server_api.note to onewriter_server;
grant select on inspect.job_logs to onewriter_dba, onewriter_server;
grant execute on function server_api.metrics            to onewriter_server;
grant select  on server_api.job        to onewriter_server;
grant select  on server_api.attempt    to onewriter_server;
-- How a job stands and how far its notes go; and everything that ever happened to it.
grant select on server_api.job_stream to onewriter_server;
grant select on server_api.history    to onewriter_server, onewriter_handler;
grant select on inspect.history to onewriter_dba, onewriter_server;
grant select  on server_api.task       to onewriter_server;
grant select  on server_api.api_key    to onewriter_server;
grant select  on server_api.queue      to onewriter_server;
grant select  on server_api.session    to onewriter_server;
grant select  on server_api.audit      to onewriter_server;
grant select  on server_api.audit_head to onewriter_server;
grant select  on server_api.migration  to onewriter_server;
-- Dead letters: replayed and discarded by people, over HTTP and the command line.
grant execute on function server_api.replay_events  to onewriter_server;
grant execute on function server_api.discard_events to onewriter_server;

-- onewriter_handler: take ends, acknowledge them together with what follows, note that a handler raised. It reads what
-- the API reads of jobs; what else it may write are a team's own tables (onewriter domain grant).
grant execute on function server_api.take_events        to onewriter_handler;
grant execute on function server_api.acknowledge_events to onewriter_handler;
grant execute on function server_api.delay_event        to onewriter_handler;
grant execute on function server_api.next_event         to onewriter_handler;
grant execute on function server_api.standing_events    to onewriter_handler;
grant execute on function server_api.relay_jobs         to onewriter_handler;
grant execute on function server_api.draw_job_ids       to onewriter_handler;
grant execute on function server_api.publish_handlers   to onewriter_server;
grant execute on function server_api.enqueue            to onewriter_handler;
grant execute on function server_api.require_armed      to onewriter_handler;
grant execute on function jobs.status_of                to onewriter_handler;
grant select  on server_api.subscription to onewriter_handler, onewriter_server;
grant select  on server_api.dead_letter  to onewriter_handler, onewriter_server;
grant select  on server_api.outbox_state to onewriter_handler, onewriter_server;
grant select  on server_api.job          to onewriter_handler;
grant select  on server_api.attempt      to onewriter_handler;
grant select  on server_api.task         to onewriter_handler;
grant select  on server_api.queue        to onewriter_handler;

-- onewriter_producer: enqueue from SQL, and Procrastinate's own .defer().
grant execute on function server_api.enqueue                         to onewriter_producer;
grant execute on function procrastinate.procrastinate_defer_jobs_v1 to onewriter_producer;

-- onewriter_janitor: end the backends of workers that passed a limit, nothing else.
grant execute on function server_api.end_overlong to onewriter_janitor;

-- onewriter_dba: look at everything but arguments and results, and the operator's verbs.
grant execute on function operator_api.cancel  to onewriter_dba;
grant execute on function operator_api.retry   to onewriter_dba;
grant execute on function operator_api.run_now to onewriter_dba;
grant execute on function operator_api.run_schedule_now to onewriter_dba;
grant execute on function operator_api.remove  to onewriter_dba;
grant execute on function operator_api.pause   to onewriter_dba;
grant execute on function operator_api.resume  to onewriter_dba;
-- Worker hosts' logins: see them, and end a stolen one from psql. They are made as the owner, by the admin's commands.
grant execute on function operator_api.revoke_login to onewriter_dba;
grant select on inspect.worker_logins to onewriter_dba, onewriter_server;
grant execute on function operator_api.drain_worker  to onewriter_dba;
grant execute on function operator_api.resume_worker to onewriter_dba;
-- Schedules from psql; their arguments stay hidden there too.
grant execute on function operator_api.put_schedule    to onewriter_dba;
grant execute on function operator_api.remove_schedule to onewriter_dba;
grant execute on function operator_api.pause_schedule  to onewriter_dba;
grant execute on function operator_api.resume_schedule to onewriter_dba;
grant select on inspect.schedules to onewriter_dba, onewriter_server;
-- Result handlers: what waits for them, and dead letters.
grant execute on function operator_api.replay_events  to onewriter_dba;
grant execute on function operator_api.discard_events to onewriter_dba;
grant select on inspect.handlers     to onewriter_dba, onewriter_server;
grant select on inspect.dead_letters to onewriter_dba, onewriter_server;
-- A view's functions run with the rights of who reads it: these two compute and read no table.
grant execute on function jobs.status_of to onewriter_server, onewriter_dba;
grant execute on function jobs.mask      to onewriter_server, onewriter_dba;
grant select on inspect.jobs         to onewriter_dba, onewriter_server;
grant select on inspect.schedule_runs to onewriter_dba, onewriter_server;
grant select on inspect.queues       to onewriter_dba, onewriter_server;
grant select on inspect.workers      to onewriter_dba, onewriter_server;
grant select on inspect.attempts     to onewriter_dba, onewriter_server;
grant select on inspect.late_results to onewriter_dba, onewriter_server;
grant select on inspect.audit        to onewriter_dba, onewriter_server;
grant select on inspect.writers      to onewriter_dba, onewriter_server;
grant select on inspect.tables       to onewriter_dba, onewriter_server;
grant select on inspect.snapshots    to onewriter_dba, onewriter_server;
grant execute on function inspect.verify_audit   to onewriter_dba, onewriter_server;
grant execute on function inspect.open_snapshots to onewriter_dba, onewriter_server;
grant select on inspect.alerts         to onewriter_dba, onewriter_server;
grant select on inspect.ended_backends to onewriter_dba, onewriter_server;
grant execute on function inspect.active_alerts to onewriter_dba, onewriter_server;
grant select on procrastinate.procrastinate_events, procrastinate.procrastinate_workers to onewriter_dba;
grant select (id, queue_name, task_name, priority, lock, queueing_lock, status, scheduled_at, attempts, abort_requested,
              worker_id, created_at, started_at, due_at, expires_at, cause_id, claim_no, max_attempts, timeout, gate, crashes,
              actor, request_id, run_id)
    on procrastinate.procrastinate_jobs to onewriter_dba;
