-- jobs.refuse_misfits: refuses jobs of which one has a task that its queue doesn't take.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.fail_with, jobs.fits
-- Raises: OWT01 {"index", "queue", "task", "takes", "field", "message"}
create or replace function jobs.refuse_misfits(_jobs jsonb) returns void
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _misfit record;
begin
    select min(x.ord) - 1 as index, x.queue, x.task, array(select jsonb_array_elements_text(s.patterns)) as takes into _misfit
      from rows from (jsonb_to_recordset(_jobs) as (queue text, task text)) with ordinality as x(queue, task, ord)
      join jobs.queue as q on q.name = x.queue
     cross join jsonb_array_elements(q.takes) as s(patterns)
     group by x.queue, x.task, s.patterns
    having not jobs.fits(x.task, array(select jsonb_array_elements_text(s.patterns)))
     order by 1 limit 1;
    if found then
        perform jobs.fail_with('OWT01', format('the queue %s does not take the task %s', _misfit.queue, _misfit.task),
            jsonb_build_object('index', _misfit.index, 'queue', _misfit.queue, 'task', _misfit.task,
                               'takes', _misfit.takes, 'field', 'queue',
                               'message', 'takes only ' || array_to_string(_misfit.takes, ', ')));
    end if;
end
$$;
