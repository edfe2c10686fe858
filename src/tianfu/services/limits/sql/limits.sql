-- take_tokens
-- Take up to `want` tokens from a bucket if it holds at least `need`; how many were given, and how many are left.
insert into token_bucket as bucket (caller, class, tokens, granted, at)
select %(caller)s, %(class)s, %(burst)s::float8 - given, given, moment
  from (select (extract(epoch from clock_timestamp()) * 1000000)::bigint as moment,
               case when floor(%(burst)s::float8) >= %(need)s::float8
                    then least(%(want)s::float8, floor(%(burst)s::float8)) else 0 end as given) as fresh
on conflict (caller, class) do update set (tokens, granted, at) = (
  select held - given, given, greatest(bucket.at, excluded.at)
    from (select least(%(burst)s::float8,
                       bucket.tokens + greatest(0, excluded.at - bucket.at) * %(per_second)s::float8 / 1000000) as held
         ) as filled,
         lateral (select case when floor(held) >= %(need)s::float8
                              then least(%(want)s::float8, floor(held)) else 0 end as given) as share)
returning granted, tokens;

-- forget_full_buckets
-- Buckets that nobody touched for so long are full again.
delete from token_bucket where at < (extract(epoch from clock_timestamp()) * 1000000)::bigint - %(idle)s;
