// What waits of a scope are for: receivers, deliveries, runs. Their rows are locked: whoever parks beside them, and whoever
// ends what is waited for, come one after the other.

export const TARGETS = `
-- Nobody waits in one scope for what another one receives.
create function own_mailbox(scope_id text, target jsonb) returns mailboxes language plpgsql volatile as $$
declare
  box mailboxes;
begin
  select * into box from mailboxes where receiver_id = target->>'receiverId' and scope = scope_id;
  return box;
end $$;

create function look_at_receiver(scope_id text, target jsonb, now bigint) returns jsonb language plpgsql volatile as $$
declare
  box mailboxes := own_mailbox(scope_id, target);
  state text;
begin
  if box.receiver_id is null then return '{"type": "closed"}'; end if;
  if box.unread > 0 then return '{"type": "callback"}'; end if;
  state := state_of(box, now);
  if state = 'open' then return null; end if;
  return jsonb_build_object('type', state);
end $$;

create function look_at_delivery(target jsonb) returns jsonb language plpgsql volatile as $$
declare
  found_status text;
begin
  select status into found_status from deliveries where id = target->>'deliveryId';
  if coalesce(found_status, 'dead') not in ('delivered', 'dead') then return null; end if;
  return jsonb_build_object('type', coalesce(found_status, 'dead'));
end $$;

create function look_at_run(target jsonb) returns jsonb language plpgsql volatile as $$
declare
  run runs;
begin
  select * into run from runs where id = target->>'runId';
  if run.status = 'cancelled' then
    return present(jsonb_build_object('type', 'run_cancelled', 'reason', run.cancel_reason));
  end if;
  if run.status in ('done', 'failed') then
    return jsonb_build_object('type', 'run_' || run.status, 'result', run.result_type);
  end if;
  return null;
end $$;

-- What a target has before any deadline, as the facts of an end; a callback is not named yet. Nothing is taken.
create function look(scope_id text, target jsonb, now bigint) returns jsonb language plpgsql volatile as $$
declare
  received jsonb;
  sent jsonb;
begin
  case target->>'type'
    when 'receiver' then return look_at_receiver(scope_id, target, now);
    when 'delivery' then return look_at_delivery(target);
    when 'run' then return look_at_run(target);
    when 'exchange' then
      received := look_at_receiver(scope_id, target, now);
      if received->>'type' = 'callback' then return received; end if;
      sent := look_at_delivery(target);
      return case when sent->>'type' = 'dead' then sent else received end;
    else return null;
  end case;
end $$;

-- When it has to be looked at again, whatever happens.
create function next_look(target jsonb, deadline_at jsonb, now bigint) returns numeric language plpgsql volatile as $$
declare
  expiring bigint;
begin
  if target ? 'receiverId' then
    select b.expires_at into expiring from mailboxes b
     where b.receiver_id = target->>'receiverId' and b.expires_at is not null and state_of(b, now) = 'open';
  end if;
  return least((deadline_at #>> '{}')::numeric, expiring);
end $$;

-- The oldest callback of a mailbox, which is the scope's from now on, and is still to be counted as read. What a scope
-- receives is never put into groups, nor delayed.
create function take_oldest(box mailboxes) returns callbacks language plpgsql volatile as $$
declare
  taken callbacks;
begin
  update callbacks set state = 'taken'
   where no = (select no from callbacks where receiver = box.receiver and state = 'ready' and grp is null
                order by seq limit 1)
   returning * into strict taken;
  return taken;
end $$;

-- An exchange is over. Nobody needs to be told, unless more came than was waited for, or it had ended by itself. in_hand: how
-- much of what is unread that is. read_now: how much is read with it.
create function close_answered(box mailboxes, now bigint, in_hand integer default 0, read_now integer default 0)
  returns boolean language plpgsql volatile as $$
declare
  found_state constant text := state_of(box, now);
begin
  update mailboxes
     set unread = unread - read_now,
         state = case when state <> 'open' then state when found_state = 'open' then 'closed' else found_state end,
         ended_at = case when state = 'open' then now else ended_at end,
         untold = case when state <> 'open' then untold else found_state <> 'open' or unread - read_now > in_hand end
   where receiver_id = box.receiver_id;
  return found;
end $$;
`
