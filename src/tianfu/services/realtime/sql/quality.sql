-- take_turn
-- Look now, unless somebody did since an instant; what was heard of before, no row for who need not look.
insert into quality_look as looked (place, looked_at, media_heard_at, keeper_heard_at)
values (1, %(now)s::bigint, %(now)s::bigint, %(now)s::bigint)
on conflict (place) do update set looked_at = excluded.looked_at
 where looked.looked_at <= %(before)s::bigint
returning media_heard_at, keeper_heard_at;

-- heard_of
-- The media server or the keeper was there at an instant.
update quality_look
   set media_heard_at = case when %(media)s::boolean then %(now)s::bigint else media_heard_at end,
       keeper_heard_at = case when %(keeper)s::boolean then %(now)s::bigint else keeper_heard_at end
 where place = 1;

-- last_look
-- When somebody last looked, and when the media server and the keeper were last there.
select looked_at, media_heard_at, keeper_heard_at from quality_look where place = 1;

-- lives
-- The media server lives, this or another life.
insert into media_life as life (epoch, since, heard_at)
values (%(epoch)s::text, %(now)s::bigint, %(now)s::bigint)
on conflict (epoch) do update set heard_at = excluded.heard_at;

-- last_life
-- The media server's last life, and how many began after an instant.
select since, heard_at, (select count(*) from media_life where since >= %(after)s::bigint)
  from media_life
 order by heard_at desc, since desc
 limit 1;

-- is_kept
-- Whether some keeper has the place, by the database's clock.
select exists (select from visit_keeper where until >= (extract(epoch from clock_timestamp()) * 1000000)::bigint);

-- last_joins
-- The last joins since an instant, in milliseconds, the newest first: a join is told again with each row of it.
select join_ms
  from (select visit, participant, join_ms, min(at) as at
          from visit_quality
         where at >= %(since)s::bigint and join_ms > 0
         group by visit, participant, join_ms) as joined
 order by at desc, join_ms desc
 limit %(limit)s::integer;

-- worst_joins
-- The slowest joins since an instant, with ward and visit.
select room.ward, joined.visit, joined.join_ms, room.state::text
  from (select visit, max(join_ms) as join_ms from visit_quality where at >= %(since)s::bigint group by visit) as joined
  join visit_room as room using (visit)
 where joined.join_ms > 0
 order by joined.join_ms desc, joined.visit
 limit %(limit)s::integer;

-- losses
-- Rows and mean loss of each ward since an instant.
select room.ward, count(*), avg(arrived.lost_permille)::float8
  from visit_quality as arrived join visit_room as room using (visit)
 where arrived.at >= %(since)s::bigint and arrived.shows <> 'nothing'
 group by room.ward;

-- figures
-- What each ward's visits were like since an instant; join times are null where nobody joined.
with arrived as (
  select room.ward, q.visit, q.participant, q.join_ms, q.freezes, q.lost_permille, q.shows, q.rtt_ms, q.delay_ms
    from visit_quality as q join visit_room as room using (visit)
   where q.at >= %(since)s::bigint
), joined as (
  select distinct ward, visit, participant, join_ms from arrived where join_ms > 0
), joins as (
  select ward, percentile_disc(0.5) within group (order by join_ms) as p50,
         percentile_disc(0.95) within group (order by join_ms) as p95
    from joined group by ward
)
select ward, count(distinct visit), coalesce(max(joins.p50), 0), coalesce(max(joins.p95), 0), sum(freezes)::bigint,
       avg(lost_permille)::float8, percentile_disc(0.5) within group (order by rtt_ms), count(*),
       count(*) filter (where shows = 'reduced'), count(*) filter (where shows in ('sound', 'stills')),
       coalesce(percentile_disc(0.5) within group (order by delay_ms), 0)
  from arrived left join joins using (ward)
 group by ward
 order by ward;

-- last_delays
-- What each viewer of these visits told last of how old the picture was, since an instant.
select distinct on (visit, participant) visit, participant, delay_ms
  from visit_quality
 where visit = any(%(visits)s::text[]) and at >= %(since)s::bigint and delay_ms is not null
 order by visit, participant, at desc;

-- standing
-- The alerts that stand, the oldest first.
select alert, kind, about, ward, rule, since, until, noted_at, note from quality_alert
 where until is null
 order by since, alert
 limit %(limit)s::integer;

-- ended_lately
-- The alerts that ended since an instant, the newest first.
select alert, kind, about, ward, rule, since, until, noted_at, note from quality_alert
 where until >= %(after)s::bigint
 order by until desc, alert
 limit %(limit)s::integer;

-- begin_alert
-- An alert begins; no row if it stands already.
insert into quality_alert (alert, kind, about, ward, rule, since)
values (%(alert)s::text, %(kind)s::text, %(about)s::text, %(ward)s::text, %(rule)s::integer, %(since)s::bigint)
on conflict (kind, about) where until is null do nothing
returning alert;

-- end_alert
-- An alert ends; no row if it has ended already.
update quality_alert set until = greatest(since, %(now)s::bigint)
 where alert = %(alert)s::text and until is null
returning alert;

-- alert_of
-- One alert.
select alert, kind, about, ward, rule, since, until, noted_at, note from quality_alert where alert = %(alert)s::text;

-- note_alert
-- Somebody has seen an alert, and says what he does about it.
update quality_alert set noted_by = %(person)s::text, noted_at = %(now)s::bigint, note = %(note)s::text
 where alert = %(alert)s::text and until is null
returning alert;

-- unnote_alert
-- What was noted is taken back.
update quality_alert set noted_by = null, noted_at = null, note = null
 where alert = %(alert)s::text and until is null
returning alert;

-- forget_alerts
-- Alerts that ended before an instant.
delete from quality_alert where until < %(before)s::bigint;

-- forget_lives
-- Lives of the media server that were last heard of before an instant.
delete from media_life where heard_at < %(before)s::bigint;
