-- jobs.fits: whether a name is matched by one of these patterns, in which * is any text and ? one character.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.fits(_name text, _patterns text[]) returns boolean
    language sql immutable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    select coalesce(bool_or(_name like translate(regexp_replace(p, '([\\%_])', '\\\1', 'g'), '*?', '%_')), false)
      from unnest(_patterns) as p
$$;
