// What happened to messages: lists, and the logs of attempts and of deaths.
//
//   H1. A log is in the order of (transaction, number), and ends below the oldest transaction that is still open: what is
//       read has been committed, and nothing that will be committed belongs before it (S30).

/**
 * The rows of a log behind the cursor, of everything, of a lane or of a topic. Each is a range of one index, and said in a way
 * in which no other index will do.
 */
function logged(table: string, condition: string): string {
  const page = (by: string, value: string, filter: string) => `
    select * from ${table} a
     where ${condition} and ${filter}
       and (${by}a.xid, a.no) > (${value}after_xid, after_no) and (${by}a.xid) < (${value}open)
     order by ${by}a.xid, a.no limit most`
  const ofTopic = "a.topic is not null and (not c ? 'lane' or a.lane = c->>'lane')"
  return `
  if c ? 'topic' then
    found_rows := array(select a from (${page('a.topic, ', "c->>'topic', ", ofTopic)}) a);
  elsif c ? 'lane' then
    found_rows := array(select a from (${page('a.lane, ', "c->>'lane', ", 'true')}) a);
  else
    found_rows := array(select a from (${page('', '', 'true')}) a);
  end if;`
}

const DECLARED = `
  most constant integer := (c->>'limit')::integer;
  open constant xid8 := pg_snapshot_xmin(pg_current_snapshot());
  after_xid constant xid8 := coalesce(split_part(c->>'after', '-', 1), '0')::xid8;
  after_no constant bigint := coalesce(split_part(c->>'after', '-', 2), '0')::bigint;`

/** What is read in an order is read by an index that has it, whatever the statistics say. */
export const IN_ORDER = 'set enable_sort = off set enable_incremental_sort = off'

export const HISTORY = `
create function cursor_of(xid xid8, no bigint) returns text language sql immutable
  return xid::text || '-' || no;

create function read_attempts(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile
  ${IN_ORDER}
as $$
declare${DECLARED}
  found_rows attempts[];
begin
  if c ? 'deliveryId' then
    -- All of them, by the key that they have, and then in order: there are few.
    found_rows := array(
      select a from (
        select * from attempts where delivery = (select no from deliveries where id = c->>'deliveryId') offset 0) a
       where (a.xid, a.no) > (after_xid, after_no) and a.xid < open
         and (not c ? 'lane' or a.lane = c->>'lane') and (not c ? 'topic' or a.topic = c->>'topic')
       order by a.xid, a.no limit most);
  else${logged('attempts', 'true')}
  end if;
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
             'cursor', cursor_of(a.xid, a.no), 'deliveryId', d.id, 'messageId', m.id, 'lane', a.lane, 'number', a.number,
             'attempt', attempt_json(a)) order by a.xid, a.no), '[]')
      from unnest(found_rows) a join deliveries d on d.no = a.delivery join messages m on m.no = d.message);
end $$;

create function read_dead(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile
  ${IN_ORDER}
as $$
declare${DECLARED}
  found_rows ends[];
begin${logged('ends', 'a.dead')}
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
             'cursor', cursor_of(e.xid, e.no), 'delivery', delivery_json(d, m.id, m.url, m.created_at)) order by e.xid, e.no), '[]')
      from unnest(found_rows) e join deliveries d on d.no = e.delivery join messages m on m.no = d.message);
end $$;

create function find_message(c jsonb, judged_at bigint) returns jsonb language sql stable
  return (select message_json(m) from messages m where m.id = c->>'messageId');

-- Made for what is asked, so that it is read by the index that fits.
create function list_deliveries(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile
  ${IN_ORDER}
as $$
declare
  way constant text := case when (c->>'newest')::boolean then 'desc' else 'asc' end;
  further constant text := case when (c->>'newest')::boolean then '<' else '>' end;
  -- What comes first in the index, as a literal; null: nothing.
  range_by text;
  range_of text;
  wanted text := 'true';
  listed jsonb;
begin
  case
    when c ? 'messageId' then
      range_by := 'd.message';
      range_of := coalesce((select no from messages where id = c->>'messageId'), -1);
    when c ? 'lane' then
      range_by := 'd.lane';
      range_of := quote_literal(c->>'lane');
    when c ? 'topic' then
      range_by := 'd.topic';
      range_of := quote_literal(c->>'topic');
    else null;
  end case;
  if range_by is not null then
    wanted := format('%1$s >= %2$s and %1$s <= %2$s', range_by, range_of);
    if c ? 'after' then
      wanted := wanted || format(' and (%s, d.id) %s (%s, %L)', range_by, further, range_of, c->>'after');
    end if;
    if c ? 'behind' then
      wanted := wanted || format(' and (%s, d.id) > (%s, %L)', range_by, range_of, c->>'behind');
    end if;
  else
    if c ? 'after' then wanted := format('d.id %s %L', further, c->>'after'); end if;
    if c ? 'behind' then wanted := wanted || format(' and d.id > %L', c->>'behind'); end if;
  end if;
  if c ? 'lane' and range_by <> 'd.lane' then wanted := wanted || format(' and d.lane = %L', c->>'lane'); end if;
  if c ? 'topic' then
    wanted := wanted || ' and d.topic is not null';
    if range_by <> 'd.topic' then wanted := wanted || format(' and d.topic = %L', c->>'topic'); end if;
  end if;
  if c ? 'status' then wanted := wanted || format(' and d.status = %L', c->>'status'); end if;
  if c ? 'reason' then wanted := wanted || format(' and d.status = ''dead'' and d.reason = %L', c->>'reason'); end if;
  if c ? 'since' then wanted := wanted || format(' and m.created_at >= %s', (c->>'since')::numeric); end if;
  if c ? 'until' then wanted := wanted || format(' and m.created_at < %s', (c->>'until')::numeric); end if;
  -- The message of each, one by one: with an instant to go by, all messages might be read first.
  execute format(
    'select coalesce(jsonb_agg(listed.json), ''[]'') from (
       select delivery_json(d, m.id, m.url, m.created_at) as json from deliveries d
         cross join lateral (select id, url, created_at from messages where no = d.message offset 0) m
        where %s order by %sd.id %s limit %s) listed',
    wanted, range_by || ' ' || way || ', ', way, (c->>'limit')::integer) into listed;
  return listed;
end $$;

create function redeliver(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  again constant jsonb := c->'again';
  old deliveries;
  its_message record;
  known text;
begin
  select * into old from deliveries where id = c->>'deliveryId';
  if not found then return '{"type": "unknown"}'; end if;
  select m.id, m.stripped into its_message from messages m where m.no = old.message;
  if old.redelivered_as is not null then
    return jsonb_build_object('type', 'known', 'deliveryId', old.redelivered_as, 'messageId', its_message.id);
  end if;
  if old.ended_at is null then return '{"type": "pending"}'; end if;
  if its_message.stripped then return '{"type": "stripped"}'; end if;
  update deliveries set redelivered_as = again->>'deliveryId' where no = old.no;
  insert into deliveries (id, message, lane, url, topic, due_at, deadline_at)
  values (again->>'deliveryId', old.message, old.lane, old.url, old.topic, instant(again->'dueAt'), instant(again->'deadlineAt'));
  perform look_for_leaving(array[old.lane]);
  return jsonb_build_object('type', 'redelivered', 'deliveryId', again->>'deliveryId', 'messageId', its_message.id);
end $$;
`
