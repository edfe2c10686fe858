-- tell_wall
-- Tell the second wall (row-level security) for whom the statements of this transaction ask, and whether to plan them anew.
select set_config('tianfu.everything', %(everything)s::text, true), set_config('tianfu.level', %(level)s::text, true),
       set_config('tianfu.custodian', %(custodian)s::text, true), set_config('tianfu.own', %(own)s::text, true),
       set_config('tianfu.actors', %(actors)s::text, true), set_config('plan_cache_mode', %(plans)s::text, true);
