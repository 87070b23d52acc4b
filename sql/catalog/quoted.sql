-- Identifiers as SQL writes them: quoted only where they must be.
-- $1 text[]  names
select n.name, quote_ident(n.name) as quoted
  from unnest($1::text[]) as n(name)
