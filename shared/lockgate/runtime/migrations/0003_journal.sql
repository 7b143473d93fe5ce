-- How far the journal was sent, per output partition: from here on it is looked at for decisions that a database
-- which was restored to an earlier time lacks.
alter table {schema}.relay add column journal bigint not null default 0;
