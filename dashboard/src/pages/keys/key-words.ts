/** Words for API keys: whether one counts, what it is limited to, and how long it may last. */
import type { ApiKey, KeyRole } from '../../../../protocol/api-keys.ts';
import type { Tone } from '../../parts/job-words.ts';
import { type Limits, limitWords } from '../limits/limit-words.ts';

export type KeyState = { word: string; tone: Tone; counts: boolean };

export function stateOf(
  { revoked_at, expires_at }: Pick<ApiKey, 'revoked_at' | 'expires_at'>,
  now_ms: number,
): KeyState {
  if (revoked_at !== null) return { word: 'revoked', tone: 'idle', counts: false };
  if (expires_at !== null && Date.parse(expires_at) <= now_ms) return { word: 'expired', tone: 'idle', counts: false };
  return { word: 'valid', tone: 'ok', counts: true };
}

type Limited = Pick<ApiKey, 'worker_id' | 'tags' | 'tenant' | keyof Limits>;

/** `acme, tags shop, web, 500 jobs a day`; empty without a limit. */
export const limitOf = ({ worker_id, tags, tenant, ...limits }: Limited): string =>
  [tenant, worker_id && `only ${worker_id}`, tags && `tags ${tags.join(', ')}`, ...limitWords(limits)]
    .filter(Boolean)
    .join(', ');

export const ROLE_WORDS: Readonly<Record<KeyRole, string>> = {
  read: 'looks at everything and changes nothing',
  submit: 'submits jobs, and sees its own alone',
  worker: 'claims jobs and reports on them',
  operate: 'does all that concerns jobs, workers, queues and alerts',
  admin: 'does everything, keys included',
};

const DAY_MS = 86_400_000;

export const LIFETIMES: Readonly<Record<string, number | null>> = {
  never: null,
  'in a day': DAY_MS,
  'in 30 days': 30 * DAY_MS,
  'in 90 days': 90 * DAY_MS,
  'in a year': 365 * DAY_MS,
};

/** How long the secret before counts beside the new one, in seconds. */
export const OVERLAPS: Readonly<Record<string, number>> = {
  'not at all': 0,
  'for an hour': 3_600,
  'for a day': 86_400,
  'for a week': 7 * 86_400,
};
