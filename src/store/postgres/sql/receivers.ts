// Receivers themselves: making, finding and closing them.

export const RECEIVERS = `
-- The settings after a patch, as applyPatch of the model has them.
create function patched(stored jsonb, patch jsonb) returns jsonb language sql immutable
begin atomic
  select (stored - 'source') || (patch - array['source', 'brings', 'dropsVerify'])
      || jsonb_build_object('inline', (
           select coalesce(jsonb_agg(code order by code collate "C"), '[]') from (
             select kept as code from jsonb_array_elements_text(stored->'inline') kept
              where kept <> 'verify'
                 or not (coalesce(patch->'dropsVerify' = 'true', false)
                      or coalesce(jsonb_typeof(patch->'source') = 'string', false))
             union
             select brought from jsonb_array_elements_text(coalesce(patch->'brings', '[]')) brought) codes))
      || jsonb_strip_nulls(jsonb_build_object(
           'source', case when patch ? 'source' then patch->'source' else stored->'source' end));
end;

-- The source beside which there can be no verifier; null where the patch is none to object to (patchConflict of the model).
create function conflicting_source(stored jsonb, patch jsonb) returns text language sql immutable
  return case when patch->'brings' ? 'verify'
              then case when patch ? 'source' then patch->>'source' else stored->>'source' end end;

create function expiry_of(opened_at bigint, settings jsonb, now bigint) returns bigint language sql immutable
  return case when settings ? 'ttlMs'
              -- JSON has no word for what never comes.
              then greatest(instant(to_jsonb(opened_at + coalesce((settings->>'ttlMs')::numeric, 1e17))), now) end;

-- The settings of a new one.
create function first_settings(patch jsonb) returns jsonb language plpgsql immutable as $$
begin
  if patch ? 'brings' then return patched('{"inline": []}', patch); end if;
  return jsonb_strip_nulls(patch - 'dropsVerify') || '{"inline": []}';
end $$;

-- A SpawnOutcome, except that a conflict names the source. It belongs to the open scope, where one is given.
create function create_receiver(given jsonb, scope_id text, now bigint) returns jsonb language plpgsql volatile as $$
declare
  new_settings constant jsonb := first_settings(given->'patch');
  source constant text := conflicting_source('{}', given->'patch');
  is_keyless constant boolean := not given ? 'key';
  box mailboxes;
begin
  if source is not null then return jsonb_build_object('type', 'conflict', 'source', source); end if;
  with made as (
    insert into receivers (id, key, token, opened_at, settings)
    values (given->>'id', given->>'key', given->>'token', now, new_settings)
        on conflict (id) do nothing returning no
  )
  insert into mailboxes (receiver_id, receiver, keyless, epoch, expires_at, scope)
  select given->>'id', no, is_keyless or given ? 'temporary', case when is_keyless then (given->>'epoch')::bigint end,
         expiry_of(now, new_settings, now), scope_id
    from made
  returning * into box;
  if not found then
    select * into box from mailboxes where receiver_id = given->>'id';
    return jsonb_build_object('type', 'spawned', 'receiver', receiver_json(box, now), 'created', true);
  end if;
  if box.epoch is not null or box.expires_at <= now then box := mark_end(box, now); end if;
  return jsonb_build_object('type', 'spawned', 'created', true, 'receiver', present(jsonb_build_object(
    'id', box.receiver_id, 'key', given->'key', 'token', given->'token', 'epoch', box.epoch, 'version', box.version,
    'state', box.state, 'openedAt', now, 'expiresAt', box.expires_at, 'settings', new_settings)));
end $$;

create function change_receiver(box mailboxes, c jsonb, now bigint) returns jsonb language plpgsql volatile as $$
declare
  r receivers;
  new_settings jsonb;
  source text;
  is_changed boolean;
  is_reopened boolean;
begin
  select * into r from receivers where no = box.receiver;
  source := conflicting_source(r.settings, c->'patch');
  if source is not null then return jsonb_build_object('type', 'conflict', 'source', source); end if;
  box := mark_end(box, now);
  new_settings := patched(r.settings, c->'patch');
  is_changed := new_settings <> r.settings;
  is_reopened := (c->>'reopen')::boolean and box.state <> 'open';
  if is_changed or is_reopened then
    update receivers
       set settings = new_settings, opened_at = case when is_reopened then now else opened_at end
     where no = r.no returning * into r;
    update mailboxes
       set version = version + is_changed::integer,
           expires_at = expiry_of(r.opened_at, new_settings, now),
           state = case when is_reopened then 'open' else state end,
           ended_at = case when is_reopened then null else ended_at end,
           untold = untold and not is_reopened
     where receiver_id = box.receiver_id returning * into box;
    box := mark_end(box, now);
  end if;
  return jsonb_build_object('type', 'spawned', 'receiver', receiver_json(box, now), 'created', false);
end $$;

-- A receiver of a scope is to be open, whatever it ended by.
create function ensure_open(box mailboxes, now bigint) returns mailboxes language plpgsql volatile as $$
begin
  if state_of(box, now) <> 'open' then
    update receivers set opened_at = now where no = box.receiver;
    update mailboxes
       set state = 'open', ended_at = null, untold = false,
           expires_at = expiry_of(now, (select settings from receivers where no = box.receiver), now)
     where receiver_id = box.receiver_id returning * into box;
  end if;
  return box;
end $$;

create function spawn(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  now constant bigint := (c->>'now')::bigint;
  box mailboxes;
begin
  if not c ? 'key' then return create_receiver(c, null, now); end if;
  select m.* into box from receivers r join mailboxes m on m.receiver_id = r.id where r.key = c->>'key';
  if not found then return create_receiver(c, null, now); end if;
  -- Only its own repetition can have its id.
  if box.receiver_id = c->>'id' then
    return jsonb_build_object('type', 'spawned', 'receiver', receiver_json(box, now), 'created', true);
  end if;
  return change_receiver(box, c, now);
end $$;

create function find_receiver(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  box mailboxes;
begin
  select m.* into box from receivers r join mailboxes m on m.receiver_id = r.id where r.token = c->>'token';
  if not found then return null; end if;
  return receiver_json(box, (c->>'now')::bigint);
end $$;

-- Everything unread in a mailbox, in order of seq.
create function unread_of(box mailboxes) returns jsonb language plpgsql volatile as $$
begin
  if box.unread = 0 then return '[]'; end if;
  return coalesce((
    select jsonb_agg(callback_json(c, box.receiver_id) order by c.seq) from (
      select * from callbacks where receiver = box.receiver and state = 'ready'
      union all select * from callbacks where receiver = box.receiver and state = 'delayed'
      union all select * from callbacks where receiver = box.receiver and state = 'queued'
      union all select * from callbacks where receiver = box.receiver and state = 'claimed') c), '[]');
end $$;

create function close_receiver(c jsonb, judged_at bigint) returns jsonb language plpgsql volatile as $$
declare
  now constant bigint := (c->>'now')::bigint;
  box mailboxes := lock_mailbox(c->>'receiverId');
begin
  if box.receiver_id is null then return '[]'; end if;
  box := mark_end(box, now);
  if box.state = 'open' then
    update mailboxes set state = 'closed', ended_at = now, untold = false
     where receiver_id = box.receiver_id returning * into box;
  end if;
  if box.scope is not null then perform resume(box.receiver_id, now); end if;
  return unread_of(box);
end $$;
`
