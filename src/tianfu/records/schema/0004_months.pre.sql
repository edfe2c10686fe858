-- ensure_months
-- Partitions of history, feed and audit from one month before `since` to `ahead` months after it; safe to repeat.
-- A month of which rows lie in the default partition already stays there: a partition of its own could not be made.
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
end $$;
