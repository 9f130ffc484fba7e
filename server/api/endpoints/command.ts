/**
 * A request as a command: its identity. With an Idempotency-Key the command's id comes from the key, so that the same
 * request, sent again to any instance, is done once. Without one we make a key, and return it if the outcome is unknown.
 */
import { createHash } from 'node:crypto';
import { newUlid } from '../../ids.ts';
import { UNREMEMBERED } from '../../state-machine/apply/apply.ts';
import type { Command, CommandBody } from '../../state-machine/decide/commands.ts';
import type { Caller } from '../caller.ts';

const OURS = /^tmon-[0-9A-HJKMNP-TV-Z]{26}$/;

/** Durable: remembered under its id. `asked`: what a request with the same key has to have in common with this one. */
export function commandOf(caller: Caller, body: CommandBody, asked: readonly unknown[] = caller.asked): Command {
  const id = requestKey(caller) ?? newUlid();
  caller.idempotency_key ??= `tmon-${id}`;
  return { id, fingerprint: hash(asked, 11), actor: actorOf(caller), body };
}

/** For a request of several durable commands: the first is the request's own, the others are named after it, in order. */
export function commandsOf(caller: Caller): (body: CommandBody) => Command {
  let first: Command | null = null;
  let more = 0;
  return (body) => {
    if (first === null) {
      first = commandOf(caller, body);
      return first;
    }
    more += 1;
    return { ...first, id: `${first.id}-${more}`, body };
  };
}

/** What stands for the caller's Idempotency-Key in the store; null without one. One of ours names the request it was made for. */
export function requestKey(caller: Caller): string | null {
  const key = caller.given_key;
  if (key === undefined || key === '') return null;
  caller.idempotency_key = key;
  return OURS.test(key) ? key.slice('tmon-'.length) : `k${hash([actorOf(caller), key], 22)}`;
}

/** Soft: the latest wins, and nothing is remembered. A ULID for each would cost as much as deciding it. */
export function softCommandOf(caller: Caller, body: CommandBody): Command {
  softCommands += 1;
  return { id: `${SOFT}${softCommands}`, fingerprint: '', actor: actorOf(caller), body };
}

const SOFT = `${UNREMEMBERED}${newUlid()}-`;
let softCommands = 0;

/** What the monitor itself does in consequence of a request. */
export function ownCommand(body: CommandBody): Command {
  return { id: `${UNREMEMBERED}${newUlid()}`, fingerprint: '', actor: 'monitor', body };
}

/** Who asks. Everybody is `api` until keys tell callers apart. */
function actorOf(_caller: Caller): string {
  return 'api';
}

function hash(parts: readonly unknown[], characters: number): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, characters);
}
