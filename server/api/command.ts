/**
 * A request as a command: its identity. With an Idempotency-Key the command's id comes from the key, so that the same
 * request, sent again to any instance, is done once. Without one we name it, and tell the name if the outcome is unknown.
 */
import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { MonitorError } from '../../protocol/errors.ts';
import { newUlid } from '../ids.ts';
import { UNREMEMBERED } from '../state-machine/apply.ts';
import type { Command, CommandBody } from '../state-machine/commands.ts';

const OURS = /^tmon-[0-9A-HJKMNP-TV-Z]{26}$/;

/** Durable: remembered under its id. */
export function commandOf(request: FastifyRequest, body: CommandBody): Command {
  const actor = actorOf(request);
  const id = requestKey(request);
  const key = request.idempotencyKey;
  if (id === null || key === null) {
    const named = newUlid();
    request.idempotencyKey = `tmon-${named}`;
    return { id: named, fingerprint: '', actor, body };
  }
  if (OURS.test(key)) return { id: key.slice('tmon-'.length), fingerprint: '', actor, body };
  return { id, fingerprint: hash([request.method, request.url, request.body], 11), actor, body };
}

/** What stands for the caller's Idempotency-Key in the store; null without one. */
export function requestKey(request: FastifyRequest): string | null {
  const key = request.headers['idempotency-key'];
  if (typeof key !== 'string' || key === '') return null;
  if (key.length > 255)
    throw new MonitorError('invalid', 'invalid_idempotency_key', 'the Idempotency-Key is longer than 255');
  request.idempotencyKey = key;
  return `k${hash([actorOf(request), key], 22)}`;
}

/** Soft: the latest wins, and nothing is remembered. */
export function softCommandOf(request: FastifyRequest, body: CommandBody): Command {
  return { id: `${UNREMEMBERED}${newUlid()}`, fingerprint: '', actor: actorOf(request), body };
}

/** What the monitor itself does in consequence of a request. */
export function ownCommand(body: CommandBody): Command {
  return { id: `${UNREMEMBERED}${newUlid()}`, fingerprint: '', actor: 'monitor', body };
}

/** Who asks. Everybody is `api` until keys tell callers apart. */
function actorOf(_request: FastifyRequest): string {
  return 'api';
}

function hash(parts: unknown[], characters: number): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, characters);
}

declare module 'fastify' {
  interface FastifyRequest {
    /** By which the request may be sent again. */
    idempotencyKey: string | null;
  }
}
