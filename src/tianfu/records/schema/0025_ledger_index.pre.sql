-- Events reach the index of the ledger by the thousand: entered one by one they cost as much as all else of the insert.
-- A search also looks through those that still wait, which is why they may fill only eight pages.
create procedure gather_ledger_entries() language plpgsql as $$
declare
  part text;
begin
  for part in
    select c.oid::regclass::text from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'audit_patients'::regclass
       and not coalesce(c.reloptions @> array['fastupdate=on', 'gin_pending_list_limit=64'], false)
  loop
    execute format('alter index %s set (fastupdate = on, gin_pending_list_limit = 64)', part);
  end loop;
end $$;

call gather_ledger_entries();

-- As before; a new partition's index of the ledger gathers, too.
create or replace procedure ensure_months(since timestamptz, ahead integer) language plpgsql as $$
declare
  month timestamptz;
  parent text;
  part text;
  low bigint;
  high bigint;
  is_taken boolean;
begin
  for month in
    select m from generate_series(date_trunc('month', since, 'UTC') - interval '1 month',
                                  date_trunc('month', since, 'UTC') + ahead * interval '1 month', interval '1 month') as m
  loop
    low := (extract(epoch from month) * 1000000)::bigint;
    high := (extract(epoch from month + interval '1 month') * 1000000)::bigint;
    foreach parent in array array['history', 'feed', 'audit'] loop
      part := parent || '_' || to_char(month at time zone 'UTC', 'YYYY_MM');
      if to_regclass(part) is null then
        execute format('select exists (select from %I where %I >= %s and %I < %s)', parent || '_other',
          case parent when 'audit' then 'at' else 'changed_at' end, low,
          case parent when 'audit' then 'at' else 'changed_at' end, high) into is_taken;
        if not is_taken then
          execute format('create table %I partition of %I for values from (%s) to (%s)', part, parent, low, high);
        end if;
      end if;
    end loop;
  end loop;
  call gather_ledger_entries();
end $$;
