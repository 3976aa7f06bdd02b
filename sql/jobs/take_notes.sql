-- jobs.take_notes: stores what a session's running jobs say: the latest progress, and notes without a gap; answers whether any was new.
-- Caller: internal
-- Writes: jobs.stream.job_id, .claim_no, .seq, .notes, .bytes, .progress, .at, .truncated_at, jobs.note.job_id, .claim_no, .seq, .kind, .at, .data
-- Calls: jobs.checked_note, jobs.checked_progress, jobs.fail_with
-- Raises: OWV01 for more than 1,000 items; class 22 where an id, a claim or a number is none
create or replace function jobs.take_notes(_session bigint, _notes jsonb) returns boolean
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_nestloop = off set enable_mergejoin = off set enable_seqscan = off set enable_bitmapscan = off
    set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
    _now constant timestamptz := clock_timestamp();
    _said constant jsonb := coalesce(_notes -> 'notes', '[]');
    _progress constant jsonb := coalesce(_notes -> 'progress', '[]');
    _ids bigint[];
    _claims integer[];
begin
    if jsonb_array_length(_said) > 1000 or jsonb_array_length(_progress) > 1000 then
        perform jobs.fail_with('OWV01', 'at most 1,000 items', '{"field": "notes", "message": "over 1,000 items"}');
    end if;
    -- Only runs that the session holds, under that claim: whatever else is said belongs to nobody.
    select array_agg(j.id order by j.id), array_agg(j.claim_no order by j.id) into _ids, _claims
      from procrastinate_jobs as j
     where j.id = any (array(select (i ->> 0)::bigint from jsonb_array_elements(_said || _progress) as i))
       and j.worker_id = _session and j.status in ('doing', 'aborting')
       and (j.id, j.claim_no) in (
           select (i ->> 0)::bigint, (i ->> 1)::integer from jsonb_array_elements(_said || _progress) as i);
    if _ids is null then
        return false;
    end if;
    insert into jobs.stream (job_id, claim_no, at)
    select h.id, h.claim_no, _now from unnest(_ids, _claims) as h(id, claim_no) order by 1
    on conflict (job_id) do nothing;

    -- What is stored already was only sent again. After a gap nothing is taken, so a reader's last number says all
    -- that he has seen. Bounds hold for all runs of a job: a stolen login fills no disk.
    with stream as materialized (
        select s.job_id, h.claim_no, case when s.claim_no = h.claim_no then s.seq else 0 end as seq,
               case when s.claim_no = h.claim_no then s.progress end as progress, s.notes, s.bytes, s.truncated_at
          from jobs.stream as s join unnest(_ids, _claims) as h(id, claim_no) on h.id = s.job_id
         where s.job_id = any (_ids) order by s.job_id for update of s
    ), said as materialized (
        select distinct on (s.job_id, i.seq) s.job_id, s.claim_no, i.seq, s.seq as before, s.notes, s.bytes, i.kind, i.text
          from stream as s
          join (select (i ->> 0)::bigint, (i ->> 1)::integer, (i ->> 2)::integer, i ->> 3, i ->> 4
                  from jsonb_array_elements(_said) as i) as i(id, claim_no, seq, kind, text)
            on i.id = s.job_id and i.claim_no = s.claim_no
         where i.seq > s.seq and s.truncated_at is null
         order by 1, 3
    ), gapless as materialized (
        select s.*, row_number() over (partition by s.job_id order by s.seq) as n from said as s
    ), checked as materialized (
        select g.job_id, g.claim_no, g.seq, c.kind, c.data, octet_length(c.data::text) as size, g.n, g.notes, g.bytes
          from gapless as g cross join lateral jobs.checked_note(g.kind, g.text) as c
         where g.seq - g.n = g.before
    ), counted as materialized (
        select c.*, c.notes + c.n <= 10000 and c.bytes + sum(c.size) over (partition by c.job_id order by c.seq) <= 16777216
               as fits
          from checked as c
    ), stored as (
        insert into jobs.note (job_id, claim_no, seq, kind, at, data)
        select c.job_id, c.claim_no, c.seq, c.kind, _now, c.data from counted as c where c.fits
    ), total as (
        select c.job_id, count(*) filter (where c.fits) as notes, coalesce(sum(c.size) filter (where c.fits), 0) as bytes,
               bool_and(c.fits) as fit
          from counted as c group by 1
    ), latest as (
        select distinct on (i.id) i.id, i.claim_no, jobs.checked_progress(i.text) as progress
          from (select (e.i ->> 0)::bigint, (e.i ->> 1)::integer, e.i ->> 2, e.n
                  from jsonb_array_elements(_progress) with ordinality as e(i, n)) as i(id, claim_no, text, n)
         where (i.id, i.claim_no) in (select s.job_id, s.claim_no from stream as s)
         order by i.id, i.n desc
    )
    update jobs.stream as s
       set claim_no = o.claim_no, seq = o.seq + coalesce(t.notes, 0), notes = o.notes + coalesce(t.notes, 0),
           bytes = o.bytes + coalesce(t.bytes, 0), progress = coalesce(l.progress, o.progress), at = _now,
           truncated_at = coalesce(o.truncated_at, case when not t.fit then _now end)
      from stream as o left join total as t on t.job_id = o.job_id left join latest as l on l.id = o.job_id
     where s.job_id = any (_ids) and s.job_id = o.job_id
       and (t.notes > 0 or not t.fit or l.progress is distinct from o.progress or s.claim_no <> o.claim_no);
    return found;
end
$$;
