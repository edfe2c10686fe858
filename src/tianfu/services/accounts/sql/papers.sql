-- add_paper
-- A paper for whoever showed his document at a desk.
insert into desk_paper (digest, by, made_at, until) values (%(digest)s, %(by)s, %(now)s, %(until)s);

-- use_paper
-- A paper is used once: of several who bring it at one moment, one has it.
update desk_paper set used_at = %(now)s, used_by = %(account)s
 where digest = %(digest)s and used_at is null and until > %(now)s
returning by;

-- forget_papers
-- Papers that are over.
delete from desk_paper where until <= %(now)s;
