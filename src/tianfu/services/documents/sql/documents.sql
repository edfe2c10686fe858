-- document
-- Where a document lies, how large it is, and which key sealed it.
select file, size_bytes, sealed_with from document where name = %(name)s;

-- keep_document
-- A sealed file becomes the document; if another is there already it stays, unless it is the one that was lost.
insert into document (name, file, size_bytes, sealed_with, kept_at)
values (%(name)s, %(file)s, %(size_bytes)s::bigint, %(sealed_with)s::smallint, %(now)s)
on conflict (name) do update set file = excluded.file, sealed_with = excluded.sealed_with
 where document.file = %(lost)s::text
returning file;

-- replace_document
-- The same document, in a file that another key sealed; nothing if it was replaced or forgotten meanwhile.
update document set file = %(file)s, sealed_with = %(sealed_with)s::smallint
 where name = %(name)s and file = %(instead_of)s
returning file;

-- forget_documents
-- Documents go; their files are taken away afterwards.
delete from document where name = any(%(names)s::text[]) returning file;

-- files_known
-- Those of these files that are documents.
select file from document where file = any(%(files)s::text[]);

-- other_keys_count
-- How many documents another key sealed.
select count(*) from document where sealed_with <> %(number)s::smallint;

-- other_keys
-- The next documents that another key sealed.
select name from document where sealed_with <> %(number)s::smallint and name > %(after)s order by name limit %(limit)s;
