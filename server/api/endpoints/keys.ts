/** API keys: list, create, rotate, revoke. A secret is in one response and nowhere else. */
import { Type } from 'typebox';
import { ApiKey, KeyCreation, KeyRotation, NewApiKey } from '../../../protocol/api-keys.ts';
import { MonitorError } from '../../../protocol/errors.ts';
import { Id } from '../../../protocol/ids.ts';
import { DAY_MS, parseTime } from '../../../protocol/time.ts';
import { keyDocument } from '../../documents/keys.ts';
import type { Outcome } from '../../state-machine/decide/commands.ts';
import { limitsIn } from '../../state-machine/state/limits.ts';
import type { ApiContext } from '../context.ts';
import { endpoint } from '../endpoint.ts';
import { commandOf } from './command.ts';
import { pageOf } from './jobs.ts';

const KeyParams = Type.Object({ key_id: Id });

export const keyEndpoints = [
  endpoint({
    method: 'GET',
    path: '/keys',
    operation: 'keys.list',
    permission: 'admin',
    summary: 'List API keys, revoked and expired ones included, oldest first; without their secrets',
    responses: { 200: pageOf(ApiKey) },
    async run({ engine, access }) {
      const keys = [...engine.state.tables.keys.values()];
      keys.sort((a, b) => a.created_ms - b.created_ms || (a.id < b.id ? -1 : 1));
      return { items: keys.map((key) => keyDocument(key, access.lastUsed(key.id))), next_cursor: null };
    },
  }),
  endpoint({
    method: 'POST',
    path: '/keys',
    operation: 'keys.create',
    permission: 'admin',
    summary: 'Create an API key; the response is the only place where its secret is ever shown',
    body: KeyCreation,
    responses: { 201: NewApiKey },
    async run(context, { body, caller, reply }) {
      const { engine, access } = context;
      const { role, name = '', tags = null, worker_id = null, tenant = null, expires_at } = body;
      const { key, key_id, secret_hash } = access.newSecret();
      const outcome = await engine.submit(
        commandOf(caller, {
          type: 'create_key',
          key_id,
          role,
          name,
          tags,
          worker_id,
          tenant,
          ...limitsIn(body),
          expires_ms: expires_at === undefined ? null : parseTime(expires_at),
          secret_hash,
          by: caller.subject.actor,
          outside_admin: access.outside_admin,
        }),
      );
      assertFirst(outcome, 'Revoke it, and create another one.');
      reply.code(201);
      return { key, ...documentOf(context, key_id) };
    },
  }),
  endpoint({
    method: 'POST',
    path: '/keys/:key_id/rotate',
    operation: 'keys.rotate',
    permission: 'admin',
    summary: 'Give a key a new secret; the present one is accepted beside it for a while',
    params: KeyParams,
    body: Type.Union([KeyRotation, Type.Null()]),
    responses: { 200: NewApiKey },
    async run(context, { params: { key_id }, body, caller }) {
      const { engine, access } = context;
      const { key, secret_hash } = access.newSecret(key_id);
      const overlap_ms = body?.overlap_seconds === undefined ? DAY_MS : body.overlap_seconds * 1000;
      const by = caller.subject.actor;
      const outcome = await engine.submit(
        commandOf(caller, { type: 'rotate_key', key_id, secret_hash, overlap_ms, by }),
      );
      assertFirst(outcome, 'Rotate it again.');
      return { key, ...documentOf(context, key_id) };
    },
  }),
  endpoint({
    method: 'DELETE',
    path: '/keys/:key_id',
    operation: 'keys.revoke',
    permission: 'admin',
    summary: 'Revoke a key: it is refused from now on, and its open connections are closed',
    params: KeyParams,
    responses: { 200: ApiKey },
    async run(context, { params: { key_id }, caller }) {
      const { engine, access } = context;
      const by = caller.subject.actor;
      await engine.submit(commandOf(caller, { type: 'revoke_key', key_id, by, outside_admin: access.outside_admin }));
      return documentOf(context, key_id);
    },
  }),
];

/** The response to a repeated request cannot have the secret, which is kept nowhere. */
function assertFirst({ replayed, refs }: Outcome, hint: string): void {
  if (!replayed) return;
  const [, key_id = ''] = refs[0] ?? [];
  throw new MonitorError('conflict', 'secret_shown_before', `the secret of ${key_id} was in the first response`, {
    hint: `It cannot be shown again. ${hint}`,
    extra: { key_id },
  });
}

function documentOf({ engine, access }: ApiContext, key_id: string): ApiKey {
  const key = engine.state.tables.keys.get(key_id);
  if (!key) throw new MonitorError('not_found', 'key_not_found', `the key ${key_id} was forgotten`);
  return keyDocument(key, access.lastUsed(key_id));
}
