"""Getting code to run: DO, functions, operators, casts, anything that another role might call."""

from tests.security.attack import family

ATTACKS = (
    *family(
        do_block="do $$ begin perform 1; end $$",
        do_block_in_sql="do language plpgsql 'begin execute ''select 1''; end'",
        sql_function="create function procrastinate.x() returns integer language sql as 'select 1'",
        plpgsql_function="create function procrastinate.x() returns integer language plpgsql as 'begin return 1; end'",
        function_that_shadows="create function worker_api.lower(text) returns text language sql as 'select $1'",
        function_in_public="create function public.x() returns integer language sql as 'select 1'",
        function_in_pg_temp="create function pg_temp.jsonb_array_length(jsonb) returns integer language sql as 'select 1'",
        definer_function="create function procrastinate.x() returns integer language sql security definer as 'select 1'",
        internal_function="create function procrastinate.x() returns void language internal as 'pg_reload_conf'",
        c_function="create function procrastinate.x() returns void language c as '/tmp/x.so', 'x'",
        leakproof_function="create function procrastinate.x(text) returns boolean leakproof language sql as 'select true'",
        procedure="create procedure procrastinate.x() language sql as 'select 1'",
        replace_ours="create or replace function worker_api.close(_session bigint, _secret text) returns json language sql as 'select null::json'",
        aggregate="create aggregate procrastinate.x(integer) (sfunc = int4pl, stype = integer)",
        operator="create operator procrastinate.= (leftarg = text, rightarg = text, function = texteq)",
        operator_in_pg_temp="create operator pg_temp.= (leftarg = text, rightarg = text, function = texteq)",
        cast="create cast (text as jsonb) without function",
        cast_with_function="create cast (bigint as text) with inout as implicit",
        domain_in_pg_temp="create domain pg_temp.jsonb as text check (length(value) < 9)",
        transform="create transform for integer language sql (from sql with function int4recv(internal))",
        rule_on_view="create or replace rule x as on update to worker_api.running do instead nothing",
        trigger_on_view="create trigger x instead of update on worker_api.running execute function suppress_redundant_updates_trigger()",
        query_as_text="select query_to_xml('select 1', true, false, '')",
        cursor_as_text="select cursor_to_xml('c', 1, true, false, '')",
        update_an_extension="alter extension plpgsql update",
        call_a_procedure="call jobs.nothing()",
    ),
)
