// Handing callbacks out. Each step reads from an index no more rows than it was asked for.

export const CLAIMING = `
-- How much more the batch under way may hand out, in bytes of bodies: all of them are in memory at once, here and there.
-- Of bodies in a row, how many there is room for; the first of a batch goes whatever its size. Takes the room.
create function take_room(sizes bigint[]) returns integer language plpgsql volatile as $$
declare
  spent bigint := coalesce(nullif(current_setting('longline.spent', true), ''), '0');
  size bigint;
  count integer := 0;
begin
  foreach size in array sizes loop
    exit when spent > 0 and spent + size > 8 * 1024 * 1024;
    spent := spent + size;
    count := count + 1;
  end loop;
  if count > 0 then perform set_config('longline.spent', spent::text, true); end if;
  return count;
end $$;

-- Puts a callback that may be handed out into its group: as it is, or behind whoever is before it.
create function enter_group(member callbacks, a_group text) returns void language plpgsql volatile as $$
declare
  active callbacks;
begin
  select * into active from callbacks
   where receiver = member.receiver and grp = a_group and state in ('ready', 'claimed', 'delayed');
  if found and (active.state <> 'ready' or active.seq < member.seq) then
    update callbacks set grp = a_group, state = 'queued', due_at = null where no = member.no;
    return;
  end if;
  if found then update callbacks set state = 'queued', due_at = null where no = active.no; end if;
  update callbacks set grp = a_group, state = member.state, due_at = member.due_at where no = member.no;
end $$;

create function name_groups(box mailboxes, groups jsonb, now bigint) returns void language plpgsql volatile as $$
declare
  named jsonb;
  member callbacks;
begin
  for named in select value from jsonb_array_elements(groups) loop
    select * into member from callbacks
     where id = named->>'callbackId' and receiver = box.receiver and grp is null
       and (state = 'ready' or (state = 'delayed' and due_at <= now));
    if found then perform enter_group(member, named->>'group'); end if;
  end loop;
end $$;

-- A callback with how it stands (ClaimedCallback).
create function claimed_json(c callbacks, receiver_id text) returns jsonb language sql stable
  return callback_json(c, receiver_id) || jsonb_build_object(
    'attempt', c.attempt, 'failures', c.failures, 'fence', c.fence, 'startedAt', coalesce(c.started_at, c.received_at),
    'remembers', c.remembers);

-- Takes as many of these as there is room for, in their order.
create function hand_out(box mailboxes, numbers bigint[], sizes bigint[], an_epoch bigint, now bigint) returns jsonb
language plpgsql volatile as $$
declare
  fitting constant bigint[] := numbers[1:take_room(sizes)];
  callbacks jsonb;
begin
  with taken as (
    update callbacks set state = 'claimed', epoch = an_epoch, fence = fence + 1, attempt = attempt + 1, due_at = null,
           started_at = coalesce(started_at, now)
     where no = any(fitting) returning *)
  select jsonb_agg(claimed_json(t, box.receiver_id) order by array_position(fitting, t.no))
    into callbacks from taken t;
  return coalesce(callbacks, '[]');
end $$;

-- The first of these that have no group, as many as there is room for, in order of seq.
create function show_ungrouped(box mailboxes, numbers bigint[], sizes bigint[]) returns jsonb
language plpgsql volatile as $$
declare
  fitting constant bigint[] := numbers[1:take_room(sizes)];
begin
  return coalesce(
    (select jsonb_agg(callback_json(c, box.receiver_id) order by c.seq) from callbacks c where c.no = any(fitting)),
    '[]');
end $$;

-- What is due is marked as such, with one instant for all: so it is in order of seq in the index, and nobody sorts it twice.
create function mark_due(a_receiver bigint, now bigint) returns void language plpgsql volatile as $$
begin
  if (select min(due_at) from callbacks where receiver = a_receiver and state = 'delayed') <= now then
    update callbacks set due_at = 0
     where receiver = a_receiver and state = 'delayed' and due_at > 0 and due_at <= now;
  end if;
end $$;

create function claim(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  now constant bigint := (c->>'now')::bigint;
  most constant bigint := (c->>'limit')::bigint;
  is_ordered constant boolean := (c->>'ordered')::boolean;
  box mailboxes;
  found_state text;
  look_again_at bigint;
  numbers bigint[];
  sizes bigint[];
  taken jsonb := '[]';
  ungrouped jsonb := '[]';
  is_cut boolean := false;
begin
  select * into box from mailboxes where receiver_id = c->>'receiverId';
  if not found then return '{"callbacks": [], "ungrouped": [], "state": "closed", "unread": false}'; end if;
  found_state := state_of(box, now);
  if is_live((c->>'epoch')::bigint, judged_at) then
    if found_state = 'open' then look_again_at := box.expires_at; end if;
    -- What a scope has received is read by that scope alone.
    if box.unread > 0 and box.scope is null then
      if jsonb_array_length(c->'groups') > 0 then perform name_groups(box, c->'groups', now); end if;
      perform mark_due(box.receiver, now);
      select array_agg(no order by due desc, seq), array_agg(octet_length(body) order by due desc, seq)
        into numbers, sizes from (
          select * from (
            (select true as due, no, seq, body from callbacks
              where receiver = box.receiver and state = 'delayed' and due_at = 0 and not (is_ordered and grp is null)
              order by seq limit most)
            union all
            (select false, no, seq, body from callbacks
              where receiver = box.receiver and state = 'ready' and grp is null and not is_ordered
              order by seq limit most)
            union all
            (select false, no, seq, body from callbacks
              where receiver = box.receiver and state = 'ready' and grp is not null
              order by seq limit most)) could_be
           order by due desc, seq limit most) first;
      if numbers is not null then
        taken := hand_out(box, numbers, sizes, (c->>'epoch')::bigint, now);
        is_cut := jsonb_array_length(taken) < cardinality(numbers);
      end if;
      if is_ordered and jsonb_array_length(taken) < most then
        select array_agg(no order by seq), array_agg(octet_length(body) order by seq) into numbers, sizes from (
          select * from (
            (select no, seq, body from callbacks
              where receiver = box.receiver and state = 'delayed' and due_at = 0 and grp is null
              order by seq limit most)
            union all
            (select no, seq, body from callbacks
              where receiver = box.receiver and state = 'ready' and grp is null
              order by seq limit most)) could_be
           order by seq limit most - jsonb_array_length(taken)) first;
        if numbers is not null then
          ungrouped := show_ungrouped(box, numbers, sizes);
          is_cut := is_cut or jsonb_array_length(ungrouped) < cardinality(numbers);
        end if;
      end if;
      look_again_at := least(
        look_again_at,
        (select min(due_at) from callbacks where receiver = box.receiver and state = 'delayed'),
        case when is_cut then now end);
    end if;
  end if;
  return jsonb_build_object(
           'callbacks', taken, 'ungrouped', ungrouped, 'state', found_state, 'unread', box.unread > 0)
      || present(jsonb_build_object('lookAgainAt', look_again_at));
end $$;
`
