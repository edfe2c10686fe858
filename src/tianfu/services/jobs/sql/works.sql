-- same_work
-- A work for the same inputs that waits, runs or is done.
select work from work where key = %(key)s and state in ('waiting', 'running', 'done');

-- lock_key
-- Of two who ask for the same at one moment, one comes after the other.
select pg_advisory_xact_lock(%(lock)s);

-- add_work
-- Somebody asks for a work; the queue hears of it when this commits.
with job as (
  select (procrastinate_defer_jobs_v1(array[row(
    %(queue)s, %(kind)s, 0, null, null, jsonb_build_object('work', %(work)s::text), null
  )::procrastinate_job_to_defer_v1]))[1] as number
)
insert into work (work, kind, queue, key, about, arguments, version, job, state, total, asked_by, asked_at)
select %(work)s::uuid, %(kind)s, %(queue)s, %(key)s, %(about)s, %(arguments)s, %(version)s, job.number, 'waiting', 0,
       %(by)s, %(now)s
  from job;

-- work_now
-- One work as it stands.
select work, kind, about, arguments, version, state, step, done, total, latest, result, refusal, details, tries,
       asked_by, asked_at, ended_at
  from work where work = %(work)s::uuid;

-- works_about
-- What was asked about one thing, the newest first.
select work, kind, about, arguments, version, state, step, done, total, '' as latest, result, refusal, details, tries,
       asked_by, asked_at, ended_at
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

-- end_work
-- A work ends once: what ended stays as it is.
update work set state = %(state)s, result = %(result)s, refusal = %(refusal)s, details = %(details)s, latest = '', ended_at = %(now)s
 where work = %(work)s::uuid and state in ('waiting', 'running');

-- ask_again
-- What is not over though its job is: its worker was stopped while it worked, which was not the work's doing.
with lost as (
  select w.work, w.kind, w.queue from work w left join procrastinate_jobs j on j.id = w.job
   where w.queue = %(queue)s and w.state in ('waiting', 'running')
     and (j.id is null or j.status not in ('todo', 'doing'))
     for update of w skip locked
), job as (
  select work, (procrastinate_defer_jobs_v1(array[row(
    queue, kind, 0, null, null, jsonb_build_object('work', work::text), null
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
