-- The tables of the mechanism, in the service's own schema ({schema}). Bodies are canonical JSON as bytes: the
-- database orders, counts and guards; it never looks inside. Rows are upcast on reading, not here.

-- How far each input partition has been consumed: the truth, of which Kafka's offset is a hint.
create table {schema}.offsets (
    topic text, part int, next bigint not null, primary key (topic, part)
) with (fillfactor = 20);

-- Per key: how many decisions and events there were. `decisions` is the optimistic version of all rows of the key.
create table {schema}.keys (
    key text primary key, decisions bigint not null, events bigint not null
) with (fillfactor = 60);

-- The state. `version` is the number of the decision that wrote the row.
create table {schema}.rows (
    key text, kind text, id text, version bigint not null, body bytea not null, primary key (key, kind, id)
) with (fillfactor = 60);

-- High-water marks: the whole deduplication between services.
create table {schema}.marks (
    writer text, key text, number bigint not null, primary key (writer, key)
) with (fillfactor = 60);

-- The ids of what came in through inlets, which have no numbers.
create table {schema}.seen (source text, id text, at timestamptz not null default clock_timestamp(), primary key (source, id));

create table {schema}.timers (
    key text, name text, part int not null, due timestamptz not null, grace float8 not null,
    body bytea not null, causes bytea not null, set_by bigint not null, primary key (key, name)
);
create index timers_due on {schema}.timers (part, due);

create table {schema}.work (
    key text, name text, part int not null, kind text not null, body bytea not null, causes bytea not null,
    set_by bigint not null, not_before timestamptz not null default clock_timestamp(), attempts int not null default 0,
    primary key (key, name)
);
create index work_part on {schema}.work (part, not_before);

-- Events that wait: for a cause, for an earlier one of their writer and key, or for a core that can read them.
create table {schema}.parked (
    topic text, part int, "offset" bigint, writer text not null, key text not null, number bigint,
    reason text not null, detail text not null, since timestamptz not null default clock_timestamp(),
    record_key bytea, headers bytea not null, value bytea, primary key (topic, part, "offset")
);

-- What is to be published, in the order of the relay's sequence per output partition.
create table {schema}.outbox (
    part int, seq bigint, topic text not null, key bytea, headers bytea not null, value bytea, primary key (part, seq)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
alter table {schema}.outbox alter value set storage external;

create table {schema}.relay (part int primary key, next_seq bigint not null, sent bigint not null) with (fillfactor = 20);

-- One batch, one round trip. The order is fixed, so that two replicas cannot deadlock: offsets first (they are
-- the lock), then keys, sorted by the caller. LG001: an offset moved. LG002: a key moved. LG003: a timer or a
-- piece of work is not there any more. LG004: an inlet's event was seen by another replica.
create function {schema}.apply(
    topics text[], parts int[], olds bigint[], news bigint[],
    kkey text[], kbase bigint[], kdecisions bigint[], kevents bigint[],
    rkey text[], rkind text[], rid text[], rversion bigint[], rbody bytea[],
    mwriter text[], mkey text[], mnumber bigint[],
    opart int[], oseq bigint[], otopic text[], okey bytea[], oheaders bytea[], ovalue bytea[],
    extra jsonb
) returns table (at timestamptz, bases text) language plpgsql as $$
declare n int; bases_ text;
begin
    update {schema}.offsets o set next = i.new
      from unnest(topics, parts, olds, news) i(t, p, old, new) where o.topic = i.t and o.part = i.p and o.next = i.old;
    get diagnostics n = row_count;
    if n <> cardinality(topics) then raise exception 'an offset moved' using errcode = 'LG001'; end if;

    insert into {schema}.keys as k
      select i.key, i.d, i.e from unnest(kkey, kbase, kdecisions, kevents) i(key, base, d, e)
       where i.base = 0 or exists (select 1 from {schema}.keys x where x.key = i.key)
    on conflict (key) do update set decisions = excluded.decisions, events = excluded.events
       where k.decisions = (select i.base from unnest(kkey, kbase) i(key, base) where i.key = k.key);
    get diagnostics n = row_count;
    if n <> cardinality(kkey) then raise exception 'a key moved' using errcode = 'LG002'; end if;

    insert into {schema}.rows
      select i.key, i.kind, i.id, i.version, i.body
        from unnest(rkey, rkind, rid, rversion, rbody) i(key, kind, id, version, body) where i.body is not null
    on conflict (key, kind, id) do update set version = excluded.version, body = excluded.body;
    if array_position(rbody, null) is not null then
        delete from {schema}.rows r using unnest(rkey, rkind, rid, rbody) i(key, kind, id, body)
          where i.body is null and r.key = i.key and r.kind = i.kind and r.id = i.id;
    end if;

    insert into {schema}.marks select * from unnest(mwriter, mkey, mnumber)
    on conflict (writer, key) do update set number = greatest({schema}.marks.number, excluded.number);

    if cardinality(opart) > 0 then
        insert into {schema}.relay select p, 0, 0 from unnest(opart) p group by p order by p on conflict do nothing;
        with counts as (select p, count(*) c from unnest(opart) p group by p order by p),
             moved as (update {schema}.relay r set next_seq = r.next_seq + c.c from counts c
                        where r.part = c.p returning r.part, r.next_seq - c.c as base),
             written as (insert into {schema}.outbox
                select i.part, m.base + i.seq, i.topic, i.key, i.headers, i.value
                  from unnest(opart, oseq, otopic, okey, oheaders, ovalue) i(part, seq, topic, key, headers, value)
                  join moved m on m.part = i.part returning 1)
        select json_object_agg(m.part, m.base)::text into bases_ from moved m, (select count(*) from written) w;
    end if;
    if extra is not null then perform {schema}.apply_extra(extra); end if;
    return query select clock_timestamp(), coalesce(bases_, '{}');
end $$;

-- The rarer parts of a batch: bytes travel as hexadecimal text.
create function {schema}.apply_extra(extra jsonb) returns void language plpgsql as $$
declare n int;
begin
    -- Timers that fired and work that ended must still be there, set by the same decision.
    with f as (select * from jsonb_to_recordset(extra->'fired') f(key text, name text, set_by bigint))
    delete from {schema}.timers t using f where t.key = f.key and t.name = f.name and t.set_by = f.set_by;
    get diagnostics n = row_count;
    if n <> jsonb_array_length(extra->'fired') then raise exception 'a timer is gone' using errcode = 'LG003'; end if;
    perform 1 from {schema}.work w join jsonb_to_recordset(extra->'reported') f(key text, name text, set_by bigint)
        on w.key = f.key and w.name = f.name and w.set_by = f.set_by for update of w;
    get diagnostics n = row_count;
    if n <> jsonb_array_length(extra->'reported') then raise exception 'work is gone' using errcode = 'LG003'; end if;

    delete from {schema}.work w using jsonb_to_recordset(extra->'unwork') f(key text, name text)
        where w.key = f.key and w.name = f.name;
    delete from {schema}.timers t using jsonb_to_recordset(extra->'untimers') f(key text, name text)
        where t.key = f.key and t.name = f.name;

    insert into {schema}.timers
      select key, name, part, due, grace, decode(body, 'hex'), decode(causes, 'hex'), set_by
        from jsonb_to_recordset(extra->'timers')
          f(key text, name text, part int, due timestamptz, grace float8, body text, causes text, set_by bigint)
    on conflict (key, name) do update set part = excluded.part, due = excluded.due, grace = excluded.grace,
        body = excluded.body, causes = excluded.causes, set_by = excluded.set_by;
    insert into {schema}.work
      select key, name, part, kind, decode(body, 'hex'), decode(causes, 'hex'), set_by
        from jsonb_to_recordset(extra->'work')
          f(key text, name text, part int, kind text, body text, causes text, set_by bigint)
    on conflict (key, name) do update set part = excluded.part, kind = excluded.kind, body = excluded.body,
        causes = excluded.causes, set_by = excluded.set_by, not_before = clock_timestamp(), attempts = 0;

    insert into {schema}.seen (source, id)
      select source, id from jsonb_to_recordset(extra->'seen') f(source text, id text) on conflict do nothing;
    get diagnostics n = row_count;
    if n <> jsonb_array_length(extra->'seen') then raise exception 'seen before' using errcode = 'LG004'; end if;

    insert into {schema}.parked (topic, part, "offset", writer, key, number, reason, detail, record_key, headers, value)
      select topic, part, "offset", writer, key, number, reason, detail,
             decode(record_key, 'hex'), decode(headers, 'hex'), decode(value, 'hex')
        from jsonb_to_recordset(extra->'park') f(topic text, part int, "offset" bigint, writer text, key text,
             number bigint, reason text, detail text, record_key text, headers text, value text)
    on conflict (topic, part, "offset") do update set reason = excluded.reason, detail = excluded.detail;
    delete from {schema}.parked p using jsonb_to_recordset(extra->'unpark') f(topic text, part int, "offset" bigint)
        where p.topic = f.topic and p.part = f.part and p."offset" = f."offset";
end $$;
