-- Operators may ask for another try of what is stuck among the parked events ({schema}.parked): a row each, which
-- the replica that has the partition answers in the transaction in which it tries. They are kept as a trace.
create table {schema}.redrives (
    id bigint generated always as identity primary key,
    writer text not null, key text not null, part int not null,
    asked_by text not null, asked timestamptz not null default clock_timestamp(),
    answered timestamptz, released int, waiting int, number bigint, reason text, detail text
);
create index redrives_open on {schema}.redrives (part) where answered is null;

-- What was the whole of `apply_extra` goes on as it was, after what guards the parked events.
alter function {schema}.apply_extra(jsonb) rename to apply_rest;

-- An event that is taken back or found to be stuck must still wait, and a redrive must be open: of two replicas
-- that try the same one, the later fails as a whole (LG003). A replica of an earlier version says none of the new.
create function {schema}.apply_extra(extra jsonb) returns void language plpgsql as $$
declare n int;
begin
    perform 1 from {schema}.parked p join jsonb_to_recordset(extra->'unpark') f(topic text, part int, "offset" bigint)
        on p.topic = f.topic and p.part = f.part and p."offset" = f."offset" for update of p;
    get diagnostics n = row_count;
    if n <> jsonb_array_length(extra->'unpark') then
        raise exception 'an event does not wait any more' using errcode = 'LG003';
    end if;

    update {schema}.parked p set reason = f.reason, detail = f.detail
      from jsonb_to_recordset(extra->'repark') f(topic text, part int, "offset" bigint, reason text, detail text)
     where p.topic = f.topic and p.part = f.part and p."offset" = f."offset";
    get diagnostics n = row_count;
    if n <> jsonb_array_length(extra->'repark') then
        raise exception 'an event does not wait any more' using errcode = 'LG003';
    end if;

    update {schema}.redrives r set answered = clock_timestamp(), released = f.released, waiting = f.waiting,
           number = f.number, reason = f.reason, detail = f.detail
      from jsonb_to_recordset(extra->'redriven')
           f(id bigint, released int, waiting int, number bigint, reason text, detail text)
     where r.id = f.id and r.answered is null;
    get diagnostics n = row_count;
    if n <> jsonb_array_length(extra->'redriven') then
        raise exception 'a redrive was answered' using errcode = 'LG003';
    end if;

    perform {schema}.apply_rest(extra);
end $$;
