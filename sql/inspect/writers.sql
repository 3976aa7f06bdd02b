-- inspect.writers: which functions write each column, and which roles may reach them.
create view inspect.writers as
select null::text as table_name, null::text as column_name, null::text[] as written_by, null::text[] as callable_by where false;
