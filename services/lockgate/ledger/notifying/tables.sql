-- What the ledger remembers of telling people, in its schema, beside the chain and no part of it.

-- Up to which record events have been made into notices.
create table if not exists ledger.notifying (
    only_one boolean primary key default true check (only_one), heard bigint not null
);
-- Whoever begins to be told is told of what comes, and not of what has been.
insert into ledger.notifying select true, seq from ledger.head on conflict do nothing;

-- What people call the artifact of a release.
create table if not exists ledger.versions (release text primary key, version text not null, at timestamptz not null);

-- One row for each notice and receiver. Those that are done stay for as long as their event could be repeated.
create table if not exists ledger.deliveries (
    receiver text, id text, seq bigint not null, at timestamptz not null, notice text not null,
    attempts int not null default 0, refused int not null default 0, due timestamptz not null default now(), done boolean not null default false,
    primary key (receiver, id)
);
create index if not exists deliveries_open on ledger.deliveries (receiver, seq) where not done;
