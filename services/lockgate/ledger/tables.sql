-- The ledger's tables, in its schema. `records` and `head` are the chain; the rest is bookkeeping beside it.

create schema if not exists ledger;

-- What is hashed is bytes and integers only: nothing here may be normalised by the database.
create table if not exists ledger.records (
    seq bigint primary key,
    topic text not null,
    part int not null,
    "offset" bigint not null,
    time bigint not null,
    key bytea,
    headers bytea not null,
    value bytea,
    leaf bytea not null,
    chain bytea not null,
    unique (topic, part, "offset")
);

-- It only appends. This stops mistakes; a superuser who removes it is found by the signed heads.
create or replace function ledger.append_only() returns trigger language plpgsql as $$
begin
    raise exception 'ledger.records is append only: % is refused', tg_op;
end
$$;
create or replace trigger append_only before update or delete or truncate on ledger.records
    for each statement execute function ledger.append_only();

-- `signed`: the record up to which a head was signed; `heads`: how many heads there were (the event number).
create table if not exists ledger.head (
    only_one boolean primary key default true check (only_one),
    seq bigint not null,
    chain bytea not null,
    signed bigint not null,
    heads bigint not null
);
insert into ledger.head values (true, 0, decode(repeat('00', 32), 'hex'), 0, 0) on conflict do nothing;

-- Where each partition is read on: the truth; Kafka knows nothing of it.
create table if not exists ledger.positions (
    topic text, part int, next bigint not null, primary key (topic, part)
);

create table if not exists ledger.outbox (
    number bigint primary key, headers bytea not null, value bytea not null,
    acknowledged boolean not null default false
);
