-- outdated
-- The next records of a type whose index rows an older program made.
select rid
  from resource
 where type = %(type)s and rid > %(after)s and generation < %(generation)s and not deleted
 order by rid
 limit %(limit)s::integer;

-- outdated_count
-- How many records of a type wait for new index rows.
select count(*) from resource where type = %(type)s and generation < %(generation)s and not deleted;

-- outdated_bodies
-- These records, unless somebody wrote them anew meanwhile.
select rid, version, changed_at, fid, body, prid, org
  from resource
 where type = %(type)s and rid = any(%(rids)s) and generation < %(generation)s and not deleted;

-- update_heads
-- New values of the columns by which records are found; of the labels some stay, which the text need not tell.
update resource r
   set prid = given.prid, date_low = given.date_low, date_high = given.date_high, code = given.code,
       category = given.category, status = given.status, number = given.number, unit = given.unit,
       encounter = given.encounter, sensitivity = given.sensitivity,
       labels = given.labels | r.labels & %(kept_labels)s::bigint,
       generation = given.generation,
       tokens = case when token_last >= token_first then (%(tokens)s::bigint[])[token_first:token_last] end
  from unnest(%(rids)s::bigint[], %(prids)s::bigint[], %(date_lows)s::bigint[], %(date_highs)s::bigint[],
              %(codes)s::bigint[], %(categories)s::bigint[], %(statuses)s::bigint[], %(numbers)s::double precision[],
              %(units)s::bigint[], %(encounters)s::bigint[], %(sensitivities)s::smallint[], %(labels)s::bigint[],
              %(generations)s::smallint[],
              %(token_firsts)s::integer[], %(token_lasts)s::integer[])
    as given(rid, prid, date_low, date_high, code, category, status, number, unit, encounter, sensitivity, labels,
             generation, token_first, token_last)
 where r.type = %(type)s and r.rid = given.rid;
