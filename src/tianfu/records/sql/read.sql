-- current_by_number
-- The current versions of many records of one type, tombstones included.
select a.rid, a.version, a.changed_at, a.deleted, a.fid, a.prid, a.body
  from resource a
 where a.type = %(type)s and a.rid = any(%(rids)s) and {visible:a};

-- version_of
-- One version of one record, wherever it lies.
select a.rid, a.version, a.changed_at, a.deleted, a.fid, a.prid, a.body
  from resource a
 where a.type = %(type)s and a.rid = %(rid)s and a.version = %(version)s and {visible:a}
union all
select h.rid, h.version, h.changed_at, h.deleted, h.fid, h.prid, h.body
  from history h
 where h.rid = %(rid)s and h.version = %(version)s and h.type = %(type)s and {visible_then:h}
 limit 1;

-- versions_of
-- The versions of one record below a version number, newest first.
(select a.rid, a.type, a.version, a.changed_at, a.deleted, a.fid, a.prid, a.body
   from resource a
  where a.type = %(type)s and a.rid = %(rid)s and a.version < %(below)s and {visible:a})
union all
(select h.rid, h.type, h.version, h.changed_at, h.deleted, h.fid, h.prid, h.body
   from history h
  where h.rid = %(rid)s and h.type = %(type)s and h.version < %(below)s and {visible_then:h})
 order by version desc
 limit %(limit)s;

-- versions_of_type
-- The versions of all records of one type, newest first, behind a place in that order.
(select a.rid, a.type, a.version, a.changed_at, a.deleted, a.fid, a.prid, a.body
   from resource a
  where a.type = %(type)s and a.changed_at >= %(since)s and (a.changed_at, a.rid) < (%(before_at)s, %(before_rid)s) and {visible:a}
  order by a.changed_at desc, a.rid desc limit %(limit)s)
union all
(select h.rid, h.type, h.version, h.changed_at, h.deleted, h.fid, h.prid, h.body
   from history h
  where h.type = %(type)s and h.changed_at >= %(since)s and (h.changed_at, h.rid) < (%(before_at)s, %(before_rid)s)
    and {visible_then:h}
  order by h.changed_at desc, h.rid desc limit %(limit)s)
 order by changed_at desc, rid desc
 limit %(limit)s;

-- versions_of_all
-- The versions of all records, newest first, behind a place in that order.
(select a.rid, a.type, a.version, a.changed_at, a.deleted, a.fid, a.prid, a.body
   from resource a
  where a.changed_at >= %(since)s and (a.changed_at, a.rid) < (%(before_at)s, %(before_rid)s) and {visible:a}
  order by a.changed_at desc, a.rid desc limit %(limit)s)
union all
(select h.rid, h.type, h.version, h.changed_at, h.deleted, h.fid, h.prid, h.body
   from history h
  where h.changed_at >= %(since)s and (h.changed_at, h.rid) < (%(before_at)s, %(before_rid)s)
    and {visible_then:h}
  order by h.changed_at desc, h.rid desc limit %(limit)s)
 order by changed_at desc, rid desc
 limit %(limit)s;
