-- lock_state
-- One process at a time prepares what all share: workers start together, and two cannot make the same partition.
select pg_advisory_xact_lock(3, 0);

-- dictionaries
-- All compression dictionaries.
select number, name, bytes from dictionary order by number;

-- dictionary_numbers
-- The numbers of all compression dictionaries.
select number from dictionary;

-- add_dictionary
-- Enter a trained dictionary; the same one may be entered again.
insert into dictionary (number, name, bytes) values (%(number)s, %(name)s, %(bytes)s) on conflict do nothing;

-- key_fingerprint
-- The fingerprint of the index key that this database was filled with.
select fingerprint from key_check where name = %(name)s;

-- add_key_fingerprint
-- Remember the key at first use.
insert into key_check (name, fingerprint) values (%(name)s, %(fingerprint)s) on conflict do nothing;

-- ensure_months
-- Partitions for the months to come.
call ensure_months(now(), %(ahead)s::integer);

-- index_generations
-- Up to which generation each type has been indexed.
select type, generation from index_state;

-- begin_index_state
-- A new database is indexed by the program that opens it first.
insert into index_state (type, generation, finished_at)
select type, %(generation)s, 0
  from unnest(%(types)s::smallint[]) as type
 where not exists (select from index_state)
on conflict do nothing;

-- set_index_generation
-- A type has been indexed throughout.
insert into index_state (type, generation, finished_at) values (%(type)s, %(generation)s, %(finished_at)s)
on conflict (type) do update set generation = excluded.generation, finished_at = excluded.finished_at;

-- add_source
-- Enter a source, or find the one that is there.
insert into source (uri, library, name_zh, name_en) values (%(uri)s, %(library)s, %(name_zh)s, %(name_en)s)
on conflict do nothing;

-- source_beginning_with
-- A source whose address begins so.
select org from source where starts_with(uri, %(prefix)s) limit 1;

-- source_number
-- The number of a source.
select org from source where uri = %(uri)s;
