// What scopes remember: the facts as `src/store/memory-facts.ts` has them, but for the reason of a cancellation, which is
// JSON in a text.
//
// The rows of a scope lie behind one another, in the order in which they were first remembered: a page is one range of
// them. They are written under the lock of the scope's row.

/** What a page brings at most, in memories and in bytes. Its first memory is there whatever its size. */
const LARGEST_PAGE = 1_000
const LARGEST_PAGE_BYTES = 2 * 1024 * 1024

/** What one batch hands out at most, bodies included. */
const LARGEST_BATCH_BYTES = 8 * 1024 * 1024

/** What `m` points to and carries, to be added to its facts. Rows without pointers look nothing up. */
const CARRIED = `
  case when m.bytes is null then '{}' else jsonb_build_object('bytes', to_text(m.bytes)) end
  || case when m.facts ? 'receiverId' then jsonb_build_object('receiver', (
       select receiver_json(b, now) from mailboxes b where b.receiver_id = m.facts->>'receiverId')) else '{}' end
  || case when m.facts->'end' ? 'callback' then jsonb_build_object('callback', (
       select callback_json(k, m.facts#>>'{end,callback,receiverId}')
         from callbacks k where k.id = m.facts#>>'{end,callback,id}')) else '{}' end`

/** Of the memory that comes next in a scope. */
export function nextOrdinal(scope: string): string {
  return `coalesce((select m.ordinal from memories m where m.scope = ${scope} order by m.ordinal desc limit 1), 0) + 1`
}

/** What the open scope `scope` remembers at the place `at` of the command, into `known`. */
export const FIND_KNOWN = `select m.* into known from memories m
   where m.scope = scope.id and m.part = c#>>'{at,part}' and m.key = c#>>'{at,key}' and m.n = (c#>>'{at,n}')::integer;`

export const MEMORIES = `
-- Whether a verb began: if not, the cancellation of the run was thrown in its place.
create function has_begun(facts jsonb) returns boolean language sql immutable
  return case facts->>'verb'
    when 'exchange' then facts ? 'receiverId'
    when 'wait' then true
    when 'sleep' then true
    else not facts ? 'end'
  end;

-- Whether it is an exchange that can be waited for only when its message has been sent again.
create function is_to_resend(facts jsonb) returns boolean language sql immutable
  return facts->>'verb' = 'exchange' and facts ? 'retried' and not facts ? 'end';

create function find_memory(scope_id text, at jsonb) returns memories language plpgsql volatile as $$
declare
  m memories;
begin
  select * into m from memories
   where scope = scope_id and part = at->>'part' and key = at->>'key' and n = (at->>'n')::integer;
  return m;
end $$;

-- As it crosses.
create function memory_json(m memories, now bigint) returns jsonb language plpgsql volatile as $$
begin
  return jsonb_build_object('facts', m.facts) || ${CARRIED};
end $$;

-- a_run: the row of the run that it is about.
create function add_memory(
  scope_id text, at jsonb, facts jsonb, bytes bytea default null, size integer default 0, a_run bigint default null
) returns boolean language plpgsql volatile as $$
begin
  insert into memories (scope, ordinal, part, key, n, facts, size, run, bytes)
  values (
    scope_id,
    ${nextOrdinal('scope_id')},
    at->>'part', at->>'key', (at->>'n')::integer, facts, size, a_run, bytes);
  return found;
end $$;

-- Of what the scope remembers after a place: as much as one page has room for, and so has the batch.
create function recall_after(scope_id text, place bigint, most integer, now bigint) returns jsonb
  language plpgsql volatile as $$
declare
  spent bigint := coalesce(nullif(current_setting('longline.spent', true), '')::bigint, 0);
  room bigint := least(${LARGEST_PAGE_BYTES}, ${LARGEST_BATCH_BYTES} - spent);
  page jsonb;
  is_whole boolean;
  last bigint;
  bytes bigint;
begin
  select jsonb_agg(
           jsonb_build_object('at', jsonb_build_object('part', m.part, 'key', m.key, 'n', m.n), 'facts', m.facts)
           || ${CARRIED})
           filter (where m.fits),
         bool_and(m.fits), max(m.ordinal) filter (where m.fits), sum(m.size) filter (where m.fits)
    into page, is_whole, last, bytes
    from (
      select ranged.*,
             row_number() over range_so_far = 1
               or row_number() over range_so_far <= least(most, ${LARGEST_PAGE})
                  and sum(size) over range_so_far <= room as fits
        from (
          select * from memories where scope = scope_id and ordinal > place
           order by ordinal limit least(most, ${LARGEST_PAGE}) + 1) ranged
      window range_so_far as (order by ordinal)
       order by ordinal) m;
  if page is null then return '{"memories": []}'; end if;
  if bytes > 0 then perform set_config('longline.spent', (spent + bytes)::text, true); end if;
  if is_whole then return jsonb_build_object('memories', page); end if;
  return jsonb_build_object('memories', page, 'next', last);
end $$;

create function recall(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  place bigint := coalesce((c->>'after')::bigint, 0);
begin
  if c ? 'from' then
    place := (find_memory(c->>'scopeId', c->'from')).ordinal - 1;
    if place is null then return '{"memories": []}'; end if;
  end if;
  return recall_after(c->>'scopeId', place, (c->>'limit')::integer, (c->>'now')::bigint);
end $$;

-- Whether a retry by hand forgets it; blamed: it is what the scope failed with.
create function is_forgotten(facts jsonb, blamed boolean) returns boolean language sql immutable
  return case
    when not has_begun(facts) then true
    else case facts->>'verb'
      when 'step' then blamed or facts->>'result' = 'error'
      when 'race' then blamed or facts->>'by' = 'error'
      when 'any' then blamed or facts->>'by' = 'error'
      when 'sleep' then case when facts ? 'end' then facts#>>'{end,type}' = 'cancel' else blamed end
      when 'wait' then
        case when facts ? 'end' then facts#>>'{end,type}' not in ('callback', 'delivered', 'run_done') else blamed end
      when 'exchange' then
        case when facts ? 'end' then facts#>>'{end,type}' not in ('callback', 'delivered', 'run_done') else blamed end
      else false
    end
  end;

-- Forgets what the scope failed with (src/model/forgetting.ts): what it blames, or every failure where it blames nothing; with
-- each the races that it decided; and with an 'any' of which every branch failed what those failed with, or every failure
-- where that is not known. {isCancelForgotten, isAllForgotten}
create function forget_failures(scope_id text, blames jsonb, now bigint) returns jsonb language plpgsql volatile as $$
declare
  gone bigint[];
  is_cancel_forgotten boolean;
begin
  with recursive forgotten (ordinal, part, key, n, facts) as (
    select m.ordinal, m.part, m.key, m.n, m.facts from memories m
     where m.scope = scope_id and blames is null and is_forgotten(m.facts, false)
    union
    select m.ordinal, m.part, m.key, m.n, m.facts from memories m
     where m.scope = scope_id and m.part = blames->>'part' and m.key = blames->>'key'
       and m.n = (blames->>'n')::integer and is_forgotten(m.facts, true)
    union
    select m.ordinal, m.part, m.key, m.n, m.facts
      from forgotten f join memories m
        on m.scope = scope_id
       and (m.facts->'by' = jsonb_build_object('part', f.part, 'key', f.key, 'n', f.n)
         or f.facts->>'verb' = 'any' and f.facts->>'by' = 'error' and is_forgotten(m.facts, false)
            and (not f.facts ? 'blames'
              or f.facts->'blames' @> jsonb_build_array(jsonb_build_object('part', m.part, 'key', m.key, 'n', m.n))))
  )
  select array_agg(ordinal), bool_or(facts#>>'{end,type}' = 'cancel') into gone, is_cancel_forgotten from forgotten;
  if gone is not null then
    -- An exchange keeps its receiver and its message: it is waited for anew, and its message sent again if need be.
    update memories m
       set facts = jsonb_build_object('verb', 'exchange', 'receiverId', m.facts->'receiverId',
             'messageId', m.facts->'messageId', 'deliveryId', m.facts->'deliveryId',
             'retried', true),
           bytes = null, size = 0
     where m.scope = scope_id and m.ordinal = any(gone) and m.facts->>'verb' = 'exchange' and has_begun(m.facts);
    delete from memories m
     where m.scope = scope_id and m.ordinal = any(gone)
       and not (m.facts->>'verb' = 'exchange' and has_begun(m.facts));
  end if;
  return jsonb_build_object(
    'isCancelForgotten', coalesce(is_cancel_forgotten, false),
    'isAllForgotten', not exists (select from memories where scope = scope_id));
end $$;
`
