-- same_work
-- A work for the same inputs that waits, runs or is done.
select work from work where key = %(key)s and state in ('waiting', 'running', 'done');

-- lock_key
-- Of two who ask for the same at one moment, one comes after the other.
select pg_advisory_xact_lock(%(lock)s);

-- open_works
-- How many works of a kind are open: of one person, and of one organisation.
select count(*) filter (where asked_by = %(by)s), count(*) filter (where organisation = %(organisation)s)
  from work where kind = %(kind)s and state in ('waiting', 'running');

-- add_work
-- Somebody asks for a work; the queue hears of it when this commits.  Its turn is after the last of its organisation's,
-- and after the one that is served now: whoever asks for one waits for two of each of the others at most.
with turn as (
  select greatest(
           coalesce(max(turn) filter (where organisation = %(organisation)s), 0),
           coalesce(min(turn) filter (where state = 'running'), min(turn) - 1, 0)
         ) + 1 as number
    from work where queue = %(queue)s and state in ('waiting', 'running')
), job as (
  select turn.number as turn, (procrastinate_defer_jobs_v1(array[row(
    %(queue)s, %(kind)s, -turn.number, null, null, jsonb_build_object('work', %(work)s::text), null
  )::procrastinate_job_to_defer_v1]))[1] as number
    from turn
)
insert into work (
  work, kind, queue, key, about, arguments, version, job, turn, state, total, organisation, asked_by, asked_at
)
select %(work)s::uuid, %(kind)s, %(queue)s, %(key)s, %(about)s, %(arguments)s, %(version)s, job.number, job.turn,
       'waiting', 0, %(organisation)s, %(by)s, %(now)s
  from job;

-- work_now
-- One work as it stands; one that runs is left if the worker that had it is silent or gone.
select w.work, w.kind, w.about, w.arguments, w.version, w.state, w.step, w.done, w.total, w.latest, w.result, w.refusal,
       w.details, w.tries, w.asked_by, w.asked_at, w.ended_at,
       w.state = 'running' and coalesce(
         j.status <> 'doing' or p.last_heartbeat < now() - make_interval(secs => %(dead_seconds)s), true
       ) as is_left
  from work w
  left join procrastinate_jobs j on j.id = w.job
  left join procrastinate_workers p on p.id = j.worker_id
 where w.work = %(work)s::uuid;

-- works_about
-- What was asked about one thing, the newest first.
select work, kind, about, arguments, version, state, step, done, total, '' as latest, result, refusal, details, tries,
       asked_by, asked_at, ended_at, false as is_left
  from work where about = %(about)s order by asked_at desc, work desc limit %(limit)s;

-- begin_work
-- A worker begins, or begins again after one that died.
update work set state = 'running', begun_at = coalesce(begun_at, %(now)s), tries = tries + 1
 where work = %(work)s::uuid and state in ('waiting', 'running')
returning kind, about, arguments, version, asked_by, tries;

-- tell_progress
-- How far a work is; whether it is still wanted.
update work set step = %(step)s, done = %(done)s, total = %(total)s, latest = coalesce(%(latest)s, latest)
 where work = %(work)s::uuid and state = 'running';

-- add_part
-- A part is finished; done twice it is the same.
insert into work_part (work, name, result, made_at) values (%(work)s::uuid, %(name)s, %(result)s, %(now)s)
on conflict do nothing;

-- parts
-- What is finished of a work, or was of one that asked for the same and ended without a result.
select distinct on (part.name) part.name, part.result
  from work same join work asked using (about, key) join work_part part on part.work = same.work
 where asked.work = %(work)s::uuid
 order by part.name, part.made_at;

-- let_nobody_finish
-- No part is added until the transaction ends: what is forgotten meanwhile is nobody's.
lock table work_part in share row exclusive mode;

-- drop_parts_left
-- So many parts with which nobody goes on: the same was done, or given up before, or is of another state of the code.
delete from work_part where (work, name) in (
  select part.work, part.name
    from work_part part join work w using (work)
   where w.kind = %(kind)s
     and not exists (
       select from work open where open.about = w.about and open.key = w.key and open.state in ('waiting', 'running')
     )
     and (
       w.version <> %(version)s
       or exists (select from work whole where whole.about = w.about and whole.key = w.key and whole.state = 'done')
       or not exists (
         select from work later where later.about = w.about and later.key = w.key and later.ended_at >= %(before)s
       )
     )
   limit %(most)s
)
returning result;

-- parts_with
-- Those of these results that some part still has.
select distinct result from work_part where result = any(%(results)s::text[]);

-- end_work
-- A work ends once: what ended stays as it is.
update work set state = %(state)s, result = %(result)s, refusal = %(refusal)s, details = %(details)s, latest = '', ended_at = %(now)s
 where work = %(work)s::uuid and state in ('waiting', 'running');

-- ask_again
-- What is not over though its job is: its worker was stopped while it worked, which was not the work's doing.
with lost as (
  select w.work, w.kind, w.queue, w.turn from work w left join procrastinate_jobs j on j.id = w.job
   where w.queue = %(queue)s and w.state in ('waiting', 'running')
     and (j.id is null or j.status not in ('todo', 'doing'))
     for update of w skip locked
), job as (
  select work, (procrastinate_defer_jobs_v1(array[row(
    queue, kind, -turn, null, null, jsonb_build_object('work', work::text), null
  )::procrastinate_job_to_defer_v1]))[1] as number
    from lost
)
update work set job = job.number, tries = greatest(tries - 1, 0) from job
 where work.work = job.work returning work.work;

-- give_up_work
-- Whoever asked wants it no more; the queue is told in the same transaction.
update work set state = 'cancelled', latest = '', ended_at = %(now)s
 where work = %(work)s::uuid and state in ('waiting', 'running')
returning procrastinate_cancel_job_v1(job, true, false);
