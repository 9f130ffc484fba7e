/** `tmon keys --store URL`: the keys of a store, without its monitor. The way in for the first key, and for a lost one. */
import type { ApiKey, KeyCreation, NewApiKey } from '../protocol/api-keys.ts';
import { MonitorError } from '../protocol/errors.ts';
import { DAY_MS, parseTime } from '../protocol/time.ts';
import { Access } from './access/access.ts';
import { accessSettings } from './access/settings.ts';
import { defaultRules } from './alerts/rules/defaults.ts';
import { type Clock, systemClock } from './clock.ts';
import { type Settings, s3Headers } from './config.ts';
import { keyDocument } from './documents/keys.ts';
import { Engine, Refused } from './engine.ts';
import { newUlid } from './ids.ts';
import { NO_ROUTES } from './notices/routes/routes.ts';
import { assureStore } from './objects/assured-store.ts';
import { openStore } from './objects/open-store.ts';
import { defaultPolicies } from './policies/defaults.ts';
import type { CommandBody } from './state-machine/decide/commands.ts';
import { limitsIn } from './state-machine/state/limits.ts';
import { JOURNAL_TRACES } from './views/keys.ts';

export { hashOfKey } from './access/secrets.ts';

const ACTOR = 'tmon keys';

export type KeyStore = {
  list(): ApiKey[];
  create(creation: KeyCreation): Promise<NewApiKey>;
  rotate(key_id: string, overlap_seconds?: number): Promise<NewApiKey>;
  revoke(key_id: string): Promise<ApiKey>;
};

/**
 * Runs `use` on the keys of a store. A directory must not be in use by a monitor; monitors on a bucket see the change
 * within seconds. Throws MonitorError, StoreError, JournalError.
 */
export async function withKeysOf<T>(
  settings: Settings,
  use: (keys: KeyStore) => Promise<T>,
  { clock = systemClock }: { clock?: Clock } = {},
): Promise<T> {
  const access_settings = await accessSettings(settings);
  const opened = await openStore(settings.store, { clock, lock: true, s3: s3Headers(settings) });
  try {
    const log = () => {};
    const store = await assureStore(opened, { clock, log });
    const engine = await Engine.open({
      ...settings,
      policy: { ...settings, alerts: defaultRules(), routing: NO_ROUTES, policies: defaultPolicies() },
      store,
      clock,
      random: { float: Math.random },
      newId: newUlid,
      instance: `keys-${newUlid().slice(-8)}`,
      url: '',
      soft_linger_ms: 20,
      tail_poll_ms: store.shared ? 1000 : null,
      traces: JOURNAL_TRACES,
      log,
    });
    const access = new Access({ engine, clock, ...access_settings });
    try {
      return await use(keysOf(engine, access));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const { kind, code, message, hint } = error.refusal;
      throw new MonitorError(kind, code, message, { hint });
    } finally {
      access.close();
      await engine.stop();
    }
  } finally {
    await opened.close();
  }
}

function keysOf(engine: Engine, access: Access): KeyStore {
  const { outside_admin } = access;
  const submit = (body: CommandBody) => engine.submit({ id: newUlid(), fingerprint: '', actor: ACTOR, body });
  const documentOf = (key_id: string) => keyDocument(engine.state.tables.keys.get(key_id)!, null);
  return {
    list: () => [...engine.state.tables.keys.values()].map((key) => keyDocument(key, null)),
    async create({ role, name = '', tags = null, worker_id = null, tenant = null, expires_at, ...more }) {
      const { key, key_id, secret_hash } = access.newSecret();
      const expires_ms = expires_at === undefined ? null : parseTime(expires_at);
      const limits = { tags, worker_id, tenant, ...limitsIn(more), expires_ms };
      await submit({ type: 'create_key', key_id, role, name, ...limits, secret_hash, by: ACTOR, outside_admin });
      return { key, ...documentOf(key_id) };
    },
    async rotate(key_id, overlap_seconds) {
      const { key, secret_hash } = access.newSecret(key_id);
      const overlap_ms = overlap_seconds === undefined ? DAY_MS : overlap_seconds * 1000;
      await submit({ type: 'rotate_key', key_id, secret_hash, overlap_ms, by: ACTOR });
      return { key, ...documentOf(key_id) };
    },
    async revoke(key_id) {
      await submit({ type: 'revoke_key', key_id, by: ACTOR, outside_admin });
      return documentOf(key_id);
    },
  };
}
