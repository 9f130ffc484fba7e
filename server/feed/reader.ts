/**
 * One reader of the feed over WebSocket: the messages it sends, and what is answered. A mistake in one message is told and
 * harms nothing else; the connection stays.
 */

import type { FieldError } from '../../protocol/errors.ts';
import { type FeedPosition, SubscribeRequest, UnsubscribeRequest } from '../../protocol/feed.ts';
import type { Clock } from '../clock.ts';
import type { FeedHub } from './hub.ts';
import { Outbox, type Sink } from './outbox.ts';
import { Subscription, type Target } from './subscription.ts';

export type ReaderOptions = {
  hub: FeedHub;
  clock: Clock;
  sink: Sink;
  /** Checks a value against a schema: its errors, or none. */
  check: (schema: 'subscribe' | 'unsubscribe', value: unknown) => FieldError[];
  /** Whether a job or worker is known at all. */
  exists: (resource: 'job' | 'worker', id: string) => Promise<boolean>;
};

const SUBSCRIPTIONS_MAX = 1000;

export const MESSAGE_SCHEMAS = { subscribe: SubscribeRequest, unsubscribe: UnsubscribeRequest };

export class Reader {
  readonly #options: ReaderOptions;
  readonly #outbox: Outbox;
  readonly #given: { last: FeedPosition | null } = { last: null };
  readonly #subscriptions = new Map<string, Subscription>();

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#outbox = new Outbox(options.sink);
  }

  /** A message as it came. Never throws. */
  async receive(text: string): Promise<void> {
    let message: Record<string, unknown>;
    try {
      message = JSON.parse(text) as Record<string, unknown>;
      if (typeof message !== 'object' || message === null || Array.isArray(message))
        throw new SyntaxError('not an object');
    } catch (error) {
      return this.#refuse(undefined, 'invalid_json', `the message is not a JSON object: ${(error as Error).message}`);
    }
    const { action, id } = message;
    if (action !== 'subscribe' && action !== 'unsubscribe') {
      return this.#refuse(
        id,
        'unknown_action',
        `there is no action ${JSON.stringify(action)?.slice(0, 80)}`,
        'Send subscribe or unsubscribe.',
      );
    }
    const errors = this.#options.check(action, message);
    if (errors.length > 0) {
      const words = errors.map(({ field, message: what }) => `${field} ${what}`).join('; ');
      return this.#refuse(id, 'invalid_message', words, 'docs/feed.md lists the messages.');
    }
    const target = targetOf(message as never);
    if (typeof target === 'string') return this.#refuse(id, 'invalid_message', target);
    if (action === 'subscribe') await this.subscribe(target, message.since as FeedPosition | undefined, id);
    else this.#unsubscribe(target, id);
  }

  async subscribe(target: Target, since: FeedPosition | undefined, id?: unknown): Promise<void> {
    const { resource } = target;
    const name = nameOf(target);
    if (!this.#subscriptions.has(name) && this.#subscriptions.size >= SUBSCRIPTIONS_MAX) {
      return this.#refuse(id, 'too_many_subscriptions', `a connection has at most ${SUBSCRIPTIONS_MAX} subscriptions`);
    }
    if ((resource === 'job' || resource === 'worker') && !(await this.#options.exists(resource, target.id!))) {
      return this.#refuse(id, `${resource}_not_found`, `there is no ${resource} ${target.id}`);
    }
    this.#subscriptions.get(name)?.end();
    const { hub, clock } = this.#options;
    const subscription = new Subscription(target, { hub, clock, outbox: this.#outbox, given: this.#given });
    this.#subscriptions.set(name, subscription);
    if (id !== undefined) this.#outbox.say(JSON.stringify({ type: 'subscribed', id, resource, ...idOf(target) }));
    await subscription.start(since);
  }

  /** Keeps the connection's silence from being taken for its death. */
  say(text: string): void {
    this.#outbox.say(text);
  }

  end(): void {
    for (const subscription of this.#subscriptions.values()) subscription.end();
    this.#subscriptions.clear();
    this.#outbox.close();
  }

  #unsubscribe(target: Target, id: unknown): void {
    const name = nameOf(target);
    this.#subscriptions.get(name)?.end();
    this.#subscriptions.delete(name);
    this.#outbox.say(
      JSON.stringify({
        type: 'unsubscribed',
        ...(id === undefined ? {} : { id }),
        resource: target.resource,
        ...idOf(target),
      }),
    );
  }

  #refuse(id: unknown, code: string, detail: string, hint?: string): void {
    const said = { type: 'error', ...(id === undefined ? {} : { id }), code, detail };
    this.#outbox.say(JSON.stringify(hint === undefined ? said : { ...said, hint }));
  }
}

const nameOf = ({ resource, id, filter }: Target): string => JSON.stringify([resource, id, filter]);

const idOf = ({ resource, id }: Target): object =>
  id === null || resource === 'queue' ? {} : { [`${resource}_id`]: id };

/** What a message follows; in words, what is missing. */
export function targetOf(asked: {
  resource: Target['resource'];
  job_id?: string;
  worker_id?: string;
  filter?: Target['filter'];
}): Target | string {
  const { resource, job_id, worker_id, filter = {} } = asked;
  if (resource === 'job') return job_id ? { resource, id: job_id, filter: {} } : '/job_id is missing';
  if (resource === 'worker') return worker_id ? { resource, id: worker_id, filter: {} } : '/worker_id is missing';
  return { resource, id: null, filter: resource === 'jobs' ? filter : {} };
}
