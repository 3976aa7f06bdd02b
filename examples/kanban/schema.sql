-- The board's own database. The API side is its only writer: the requests in api.py with their own login, the result
-- handlers with theirs. No worker has a right here.
create schema kanban;

create table kanban.board (
    id bigint generated always as identity primary key,
    name text not null check (length(name) between 1 and 200));

create table kanban.board_column (
    id bigint generated always as identity primary key,
    board_id bigint not null references kanban.board on delete cascade,
    name text not null,
    position integer not null,
    wip_limit integer check (wip_limit > 0),
    unique (board_id, name));

create table kanban.rule (
    id bigint generated always as identity primary key,
    board_id bigint not null references kanban.board on delete cascade,
    word text not null,
    field text not null check (field in ('priority', 'title')),
    value text not null,
    apply_above double precision not null check (apply_above between 0 and 1),
    check (field <> 'priority' or value in ('low', 'normal', 'high')));
comment on table kanban.rule is 'A title with this word should have this value; a hint at least this sure is applied at once.';

create table kanban.recurring_template (
    id bigint generated always as identity primary key,
    board_id bigint not null references kanban.board on delete cascade,
    column_id bigint not null references kanban.board_column,
    title text not null,
    cron text not null);

create table kanban.task (
    id bigint generated always as identity primary key,
    board_id bigint not null references kanban.board on delete cascade,
    column_id bigint not null references kanban.board_column,
    title text not null check (length(title) between 1 and 200),
    priority text not null default 'normal' check (priority in ('low', 'normal', 'high')),
    template_id bigint references kanban.recurring_template on delete set null);
comment on column kanban.task.template_id is 'What it was made from, as long as that is there.';

create table kanban.task_event (
    id bigint generated always as identity primary key,
    task_id bigint not null references kanban.task on delete cascade,
    at timestamptz not null default clock_timestamp(),
    type text not null,
    actor text not null,
    detail jsonb not null default '{}');

create table kanban.hint (
    id bigint generated always as identity primary key,
    task_id bigint not null references kanban.task on delete cascade,
    job_id bigint not null,
    agent text not null,
    field text not null check (field in ('priority', 'title')),
    value text not null check (length(value) between 1 and 200),
    confidence double precision not null check (confidence between 0 and 1),
    state text not null default 'draft' check (state in ('draft', 'applied', 'rejected')),
    decided_by text,
    check (field <> 'priority' or value in ('low', 'normal', 'high')),
    check ((state = 'draft') = (decided_by is null)));
comment on column kanban.hint.job_id is 'The agent''s job in the queue: it has the whole answer.';

create table kanban.action_token (
    hash bytea primary key,
    hint_id bigint not null references kanban.hint on delete cascade,
    expires_at timestamptz not null,
    used_at timestamptz);
comment on table kanban.action_token is 'Links that apply a hint, once. Only a SHA-256 of each is stored.';
