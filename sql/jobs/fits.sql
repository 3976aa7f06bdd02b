-- jobs.fits: whether a name fits one of the patterns (* is any text, ? one character), as for API keys.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.fits(_name text, _patterns text[]) returns boolean
    language sql immutable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select from unnest(_patterns) as p
         -- What means something to LIKE is escaped first, so that * and ? are all a pattern can say.
         where _name collate "C" like translate(replace(replace(replace(p, '\', '\\'), '%', '\%'), '_', '\_'), '*?', '%_'))
$$;
