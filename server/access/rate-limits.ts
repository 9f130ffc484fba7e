/**
 * How many requests a key, or an address, may make a second: a bucket of tokens each, which holds a few seconds' worth, so
 * that a burst passes and a flood does not. One that makes too many gets the time after which to try again; others notice nothing.
 */
import { LRUCache } from 'lru-cache';
import { MonitorError } from '../../protocol/errors.ts';
import type { Clock } from '../clock.ts';

/** What a bucket holds: this many seconds of its rate. */
const BURST_SECONDS = 5;
/** Beyond this many the one that has rested longest is forgotten, which is a full bucket again. */
const BUCKETS_MAX = 10_000;

type Bucket = { left: number; at_ms: number };

export type LimitName = 'key' | 'address';

/** As `RateLimit` and `RateLimit-Policy` have it. */
export type Remaining = { limit: LimitName; per_second: number; left: number };

export class RateLimits {
  readonly #clock: Clock;
  readonly #per_second: Readonly<Record<LimitName, number>>;
  readonly #buckets = new LRUCache<string, Bucket>({ max: BUCKETS_MAX });

  /** Requests a second; 0: no limit. */
  constructor(clock: Clock, per_second: Readonly<Record<LimitName, number>>) {
    this.#clock = clock;
    this.#per_second = per_second;
  }

  /** Counts a request. Returns null without a limit. Throws MonitorError `rate_limited`. */
  take(limit: LimitName, name: string): Remaining | null {
    const per_second = this.#per_second[limit];
    if (per_second === 0) return null;
    const capacity = per_second * BURST_SECONDS;
    const now_ms = this.#clock.monotonic();
    const known = this.#buckets.get(`${limit} ${name}`);
    const earned = known ? known.left + ((now_ms - known.at_ms) / 1000) * per_second : capacity;
    const left = Math.min(capacity, earned) - 1;
    if (left < 0) throw refusal(limit, { per_second, wait_seconds: -left / per_second });
    this.#buckets.set(`${limit} ${name}`, { left, at_ms: now_ms });
    return { limit, per_second, left: Math.floor(left) };
  }
}

/** `RateLimit-Policy` and `RateLimit`, by draft-ietf-httpapi-ratelimit-headers. */
export function limitHeaders({ limit, per_second, left }: Remaining): Record<string, string> {
  return {
    'ratelimit-policy': `"${limit}";q=${per_second * BURST_SECONDS};w=${BURST_SECONDS}`,
    ratelimit: `"${limit}";r=${left};t=${left > 0 ? 0 : Math.ceil(1 / per_second)}`,
  };
}

/** The same for a quota that is used up, from the fields of its refusal. */
export function quotaHeaders({
  quota,
  limit,
  used,
  resets_in_seconds,
}: Record<string, unknown>): Record<string, string> {
  const left = Math.max(0, Math.floor(Number(limit) - Number(used)));
  return {
    'ratelimit-policy': `"${quota}";q=${limit};w=86400`,
    ratelimit: `"${quota}";r=${left};t=${resets_in_seconds}`,
  };
}

function refusal(limit: LimitName, { per_second, wait_seconds }: { per_second: number; wait_seconds: number }) {
  const whose = limit === 'key' ? 'this key' : 'this address';
  return new MonitorError('busy', 'rate_limited', `${whose} makes more than ${per_second} requests a second`, {
    hint: 'Wait for Retry-After, then go on more slowly. The request had no effect.',
    retry_after_seconds: Math.max(1, Math.ceil(wait_seconds)),
    extra: { limit, per_second },
  });
}
