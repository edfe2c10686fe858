-- tokens_named
-- What the codings behind these hashes are.
select hash, system, code from token where hash = any(%(hashes)s::bigint[]);
