/**
 * Makes commands of requests. The command's id is derived from the Idempotency-Key, so that a request repeated at any
 * instance takes effect once. Without a key one is generated, and returned if the outcome is unknown.
 */
import { hash } from 'node:crypto';
import { newUlid } from '../../ids.ts';
import { UNREMEMBERED } from '../../state-machine/apply/apply.ts';
import type { Command, CommandBody } from '../../state-machine/decide/commands.ts';
import type { Caller } from '../caller.ts';

const FINGERPRINT = 11;
const OURS = /^tmon-[0-9A-HJKMNP-TV-Z]{26}$/;

/** `sha256`: of the content as JSON, in base64url; for content that is hashed in a thread. */
export type ContentHash = { sha256: string };

/** A durable command, remembered by its id. A request with the same key must have the same `content`. */
export function commandOf(
  caller: Caller,
  body: CommandBody,
  content: readonly unknown[] | ContentHash = caller.content,
): Command {
  const id = requestKey(caller) ?? newUlid();
  caller.idempotency_key ??= `tmon-${id}`;
  const fingerprint = 'sha256' in content ? content.sha256.slice(0, FINGERPRINT) : fingerprintOf(content, FINGERPRINT);
  return { id, fingerprint, actor: actorOf(caller), ...originOf(caller), body };
}

/** For requests with several durable commands: the first has the request's id, the others that id and a number. */
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

/** Returns the caller's Idempotency-Key as stored; null without one. A generated key maps to the id of its request. */
export function requestKey(caller: Caller): string | null {
  const key = caller.sent_key;
  if (key === undefined || key === '') return null;
  caller.idempotency_key = key;
  return OURS.test(key) ? key.slice('tmon-'.length) : `k${fingerprintOf([actorOf(caller), key], 22)}`;
}

/** A soft command: the latest wins, and it is not remembered. A ULID for each would cost as much as deciding it. */
export function softCommandOf(caller: Caller, body: CommandBody): Command {
  softCommands += 1;
  return { id: `${SOFT}${softCommands}`, fingerprint: '', actor: actorOf(caller), body };
}

const SOFT = `${UNREMEMBERED}${newUlid()}-`;
let softCommands = 0;

/** A command of the monitor itself, as the consequence of a request. */
export function ownCommand(body: CommandBody): Command {
  return { id: `${UNREMEMBERED}${newUlid()}`, fingerprint: '', actor: 'monitor', body };
}

/** A command that is not remembered: a request that is repeated has another one. */
export function freshCommandOf(caller: Caller, body: CommandBody): Command {
  return { id: `${UNREMEMBERED}${newUlid()}`, fingerprint: '', actor: actorOf(caller), ...originOf(caller), body };
}

/** Without keys every caller is the same, on this machine. */
const originOf = ({ subject, request_id, address }: Caller): Pick<Command, 'origin'> =>
  subject.role === null ? {} : { origin: { request_id, address } };

const actorOf = ({ subject }: Caller): string => subject.actor;

function fingerprintOf(parts: readonly unknown[], characters: number): string {
  return hash('sha256', JSON.stringify(parts), 'base64url').slice(0, characters);
}
