-- feed_after
-- What was told behind a place, as far as no running transaction can still tell something before it.
select xid::text::bigint, seq, changed_at, type, rids, versions, operations, prids, prids_before
  from feed
 where (xid, seq) > (%(xid)s::text::xid8, %(seq)s::bigint)
   and xid < pg_snapshot_xmin(pg_current_snapshot())
 order by xid, seq
 limit %(limit)s::integer;

-- feed_place
-- How far a consumer has come.
select xid::text::bigint, seq from feed_cursor where consumer = %(consumer)s;

-- move_feed_place
-- A consumer has come this far; it never goes back.
insert into feed_cursor (consumer, xid, seq, moved_at)
values (%(consumer)s, %(xid)s::text::xid8, %(seq)s, %(moved_at)s)
on conflict (consumer) do update
   set xid = excluded.xid, seq = excluded.seq, moved_at = excluded.moved_at
 where (feed_cursor.xid, feed_cursor.seq) < (excluded.xid, excluded.seq);
