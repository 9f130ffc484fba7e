/**
 * A request as a command: its identity. With an Idempotency-Key the command's id comes from the key, so that the same
 * request, sent again to any instance, is done once. Without one we name it, and tell the name if the outcome is unknown.
 */
import { createHash } from 'node:crypto';
import { MonitorError } from '../../../protocol/errors.ts';
import { newUlid } from '../../ids.ts';
import { UNREMEMBERED } from '../../state-machine/apply/apply.ts';
import type { Command, CommandBody } from '../../state-machine/decide/commands.ts';
import type { Caller } from '../caller.ts';

const OURS = /^tmon-[0-9A-HJKMNP-TV-Z]{26}$/;

/** Durable: remembered under its id. */
export function commandOf(caller: Caller, body: CommandBody): Command {
  const actor = actorOf(caller);
  const id = requestKey(caller);
  const key = caller.idempotency_key;
  if (id === null || key === null) {
    const named = newUlid();
    caller.idempotency_key = `tmon-${named}`;
    return { id: named, fingerprint: '', actor, body };
  }
  if (OURS.test(key)) return { id: key.slice('tmon-'.length), fingerprint: '', actor, body };
  return { id, fingerprint: hash(caller.asked, 11), actor, body };
}

/** What stands for the caller's Idempotency-Key in the store; null without one. */
export function requestKey(caller: Caller): string | null {
  const key = caller.given_key;
  if (key === undefined || key === '') return null;
  if (key.length > 255)
    throw new MonitorError('invalid', 'invalid_idempotency_key', 'the Idempotency-Key is longer than 255');
  caller.idempotency_key = key;
  return `k${hash([actorOf(caller), key], 22)}`;
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
