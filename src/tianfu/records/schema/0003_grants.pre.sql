-- What each role may do.  Nobody but the owner deletes history, the feed or the trace.
grant select, insert, delete on resource, also_about, identifier, reference, string, date, quantity to tianfu_app;
grant select, insert on history, feed, token, source to tianfu_app;
grant select, insert, update on feed_cursor, import_run, import_piece, index_state to tianfu_app;
grant select, insert on import_reject to tianfu_app;
grant select on dictionary, key_check, erasure to tianfu_app;
grant update (sensitivity, labels) on resource to tianfu_app;
grant insert on audit to tianfu_app, tianfu_audit;

grant select on resource, history, feed, feed_cursor, also_about, token, identifier, reference, string, date, quantity,
  dictionary, source, index_state, import_run, import_piece, import_reject, key_check, erasure, audit to tianfu_reader;

-- The second wall: rows pass a policy even if a statement forgot to ask.
-- The policies let everything pass until callers differ; they are forced on the owner too.
create procedure wall(relation regclass) language plpgsql as $$
begin
  execute format('alter table %s enable row level security', relation);
  execute format('alter table %s force row level security', relation);
  execute format('create policy everything_for_owner on %s to tianfu_owner using (true) with check (true)', relation);
  execute format('create policy everything_for_app on %s to tianfu_app using (true) with check (true)', relation);
  execute format('create policy reading on %s for select to tianfu_reader using (true)', relation);
end $$;

do $$
declare
  partition regclass;
begin
  call wall('resource');
  call wall('history');
  for partition in select inhrelid::regclass from pg_inherits where inhparent = 'resource'::regclass loop
    call wall(partition);
    execute format('grant select on %s to tianfu_app, tianfu_reader', partition);
  end loop;
end $$;
