-- unfinished_run
-- The import of this input that was begun and not finished.
select run from import_run where fingerprint = %(fingerprint)s and finished_at is null;

-- begin_run
-- Begin the import of an input.
insert into import_run (run, fingerprint, begun_at) values (%(run)s, %(fingerprint)s, %(begun_at)s);

-- finish_run
-- The whole input has been read.
update import_run set finished_at = %(finished_at)s where run = %(run)s;

-- finished_pieces
-- What has been done of an input already.
select piece, result from import_piece where run = %(run)s;

-- finished_piece
-- What became of one piece, if it is finished.
select result from import_piece where run = %(run)s and piece = %(piece)s;

-- finish_piece
-- A piece has been taken in; in the same transaction as its records.
insert into import_piece (run, piece, result) values (%(run)s, %(piece)s, %(result)s);

-- add_rejects
-- Records of a piece that were not taken.
insert into import_reject (run, piece, line, path, reason)
select %(run)s, %(piece)s, line, path, reason
  from unnest(%(lines)s::bigint[], %(paths)s::text[], %(reasons)s::text[]) as given(line, path, reason);

-- rejects_of
-- All rejects of an input in its order.
select line, path, reason from import_reject where run = %(run)s order by piece, line, path;
