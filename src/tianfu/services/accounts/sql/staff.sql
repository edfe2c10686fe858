-- organisations_staffed
-- Where anybody works now, and how many people do.
select organisation, count(distinct account) from workplace where until is null group by organisation;

-- organisations_with
-- Where somebody works now in one role.
select distinct organisation from workplace where role = %(role)s and until is null order by organisation
 limit %(limit)s::integer;

-- staff_in
-- Who works in these organisations now, in one role or in any, a page at a time.
select w.workplace, w.account, w.organisation, w.role, w.practitioner, w.licence, w.title, w.practising_since,
       a.account, a.kind, a.told, a.sealed_with, a.version, a.assurance, a.left_at, array[]::text[], array[]::text[],
       a.telephone_at, a.named_at, a.telephone_lost_at, a.is_shared
  from workplace w join account a using (account)
 where w.organisation = any(%(organisations)s::text[]) and w.until is null
   and (%(role)s::text = '' or w.role = %(role)s::text) and w.workplace > %(after)s::text
 order by w.workplace
 limit %(limit)s::integer;
