-- The second wall around everything else that tells of records: who may not see a record sees none of its index rows.
-- Numbers and texts compare by operators that PostgreSQL trusts before a policy, so the indexes are used as before.
create procedure wall_of_index(relation_name regclass, record text, type text) language plpgsql as $$
begin
  execute format('alter table %s enable row level security', relation_name);
  execute format('alter table %s force row level security', relation_name);
  execute format('create policy everything_for_owner on %s to tianfu_owner using (true) with check (true)', relation_name);
  execute format('create policy everything_for_app on %s to tianfu_app using (true) with check (true)', relation_name);
  execute format($policy$
    create policy reading on %1$s for select to tianfu_reader using (
      (select current_setting('tianfu.everything', true)) = 'yes'
      or exists (select from resource standing where standing.rid = %1$s.%2$I and standing.type = %1$s.%3$I))
  $policy$, relation_name, record, type);
end $$;

call wall_of_index('identifier', 'rid', 'type');
call wall_of_index('reference', 'source', 'source_type');
call wall_of_index('string', 'rid', 'type');
call wall_of_index('date', 'rid', 'type');
call wall_of_index('quantity', 'rid', 'type');

-- The conditions of permission ask these tables in every statement, and they hold numbers only: a policy of rows would
-- make each statement's plan many times larger.  Whoever asks for nobody sees nothing of them.
create procedure wall_of_ties(relation_name regclass) language plpgsql as $$
begin
  execute format('alter table %s enable row level security', relation_name);
  execute format('alter table %s force row level security', relation_name);
  execute format('create policy everything_for_owner on %s to tianfu_owner using (true) with check (true)', relation_name);
  execute format('create policy everything_for_app on %s to tianfu_app using (true) with check (true)', relation_name);
  execute format($policy$
    create policy reading on %s for select to tianfu_reader
      using ((select coalesce(current_setting('tianfu.level', true), '')) <> '')
  $policy$, relation_name);
end $$;

call wall_of_ties('relation');
call wall_of_ties('also_about');

-- What only writers and consumers of the feed need.
revoke select on feed, feed_cursor, import_run, import_piece, import_reject, erasure from tianfu_reader;
