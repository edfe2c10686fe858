-- export_chunk
-- The next current records of some types in the order of their numbers, as many as weigh less than a limit.
select rid, type, version, changed_at, fid, prid, body
  from (select a.rid, a.type, a.version, a.changed_at, a.fid, a.prid, a.body,
               sum(octet_length(a.body)) over (order by a.rid, a.type) - octet_length(a.body) as weight_before
          from (select a.rid, a.type, a.version, a.changed_at, a.fid, a.prid, a.body
                  from resource a
                 where a.type = any(%(types)s::smallint[])
                   and (a.rid, a.type) > (%(after_rid)s::bigint, %(after_type)s::smallint)
                   and not a.deleted and {visible:a}
                   and a.changed_at >= %(since)s::bigint
                 order by a.rid, a.type
                 limit %(rows)s::integer) a) weighed
 where weight_before < %(bytes)s::bigint
 order by rid, type;
