/**
 * One reader of the feed over WebSocket: the messages it sends, and the replies. An invalid message gets an error and
 * affects nothing else; the connection stays open. Calls start as they arrive; other messages are handled one after the
 * other.
 *
 * A frame is a message or a list of messages, each handled as if sent alone. To a client that has sent a list, answers
 * to calls that are ready together are sent as a list.
 */
import type { FieldError } from '../../protocol/errors.ts';
import {
  CallRequest,
  CancelRequest,
  FEED_RESOURCES,
  type FeedPosition,
  type FeedResource,
  PingRequest,
  SubscribeRequest,
  UnsubscribeRequest,
} from '../../protocol/feed.ts';
import type { FeedError } from '../../protocol/feed-messages.ts';
import type { JobScope } from '../access/scope.ts';
import type { Target } from './current-state.ts';
import type { FeedHub } from './hub.ts';
import { Outbox, type Sink } from './outbox.ts';
import { type Beyond, Subscription } from './subscription.ts';
import type { FeedUpdate } from './updates.ts';

export type ReaderOptions = {
  hub: FeedHub;
  sink: Sink;
  beyond: Beyond;
  /** Validates a value against a schema and returns the errors. */
  check: (schema: keyof typeof MESSAGE_SCHEMAS, value: unknown) => FieldError[];
  /** Why this reader may not follow a resource; null: it may. */
  refusal: (resource: FeedResource) => { code: string; message: string; hint: string | undefined } | null;
  /** The jobs that this reader may see; null: all. */
  scope: JobScope | null;
  /** Runs a call and sends its answer. Never throws. */
  call: (call: CallRequest) => void;
  /** The client no longer waits for the answer to this call. */
  cancel: (id: string) => void;
  /** Counts messages received; returns false beyond the allowed rate. */
  spend: (messages: number) => boolean;
  /** The reader cannot be served any further: disconnect it, so that it reconnects. */
  onFault: (error: unknown) => void;
};

export const SUBSCRIPTIONS_MAX = 1000;
/** Errors named in one refusal. */
const ERRORS_MAX = 5;

export const MESSAGE_SCHEMAS = {
  subscribe: SubscribeRequest,
  unsubscribe: UnsubscribeRequest,
  ping: PingRequest,
  call: CallRequest,
  cancel: CancelRequest,
};

const isAction = (action: unknown): action is keyof typeof MESSAGE_SCHEMAS =>
  typeof action === 'string' && Object.hasOwn(MESSAGE_SCHEMAS, action);

export class Reader {
  readonly #options: ReaderOptions;
  readonly #outbox: Outbox;
  readonly #sent: { last: FeedUpdate | null } = { last: null };
  readonly #subscriptions = new Map<string, Subscription>();
  /** The last message that is handled in order. */
  #last: Promise<void> = Promise.resolve();
  #ended = false;
  #readsLists = false;

  constructor(options: ReaderOptions) {
    this.#options = options;
    const { sink } = options;
    this.#outbox = new Outbox({
      send: (parcel, sent) => sink.send(parcel, sent),
      hold: (held) => sink.hold?.(held),
      tooSlow: (resume) => {
        this.end();
        sink.tooSlow(resume);
      },
    });
  }

  /**
   * Handles a frame: resolves once every message in it has been handled; undefined if it holds only calls. Never
   * throws.
   */
  receive(text: string): Promise<void> | undefined {
    const value = parse(text);
    const count = Array.isArray(value) ? value.length : 1;
    if (!this.#options.spend(Math.max(1, count))) return;
    if (!Array.isArray(value)) return this.#take(value);
    if (count === 0) return this.#take(`${NOT_AN_OBJECT}: the list is empty`);
    this.#readsLists = true;
    let handled: Promise<void> | undefined;
    for (const message of value) handled = this.#take(isMessage(message) ? message : NOT_AN_OBJECT) ?? handled;
    return handled;
  }

  /** Sends answers to calls. A reader that does not read them is disconnected. */
  sendAnswers(texts: readonly string[]): void {
    this.#outbox.sendAnswers(this.#readsLists && texts.length > 1 ? [`[${texts.join(',')}]`] : texts);
  }

  /** `message`: a string describes why it is invalid. */
  #take(message: Message | string): Promise<void> | undefined {
    if (typeof message === 'string') return this.#inOrder(() => this.#refuse(undefined, 'invalid_json', message));
    if (message.action === 'call' || message.action === 'cancel') return this.#call(message.action, message);
    return this.#inOrder(() => this.#follow(message));
  }

  #inOrder(handle: () => Promise<void> | void): Promise<void> {
    this.#last = this.#last.then(handle);
    return this.#last;
  }

  #call(action: 'call' | 'cancel', message: Message): undefined {
    const errors = this.#options.check(action, message);
    if (errors.length > 0) this.#refuseInvalid(message.id, errors);
    else if (action === 'call') this.#options.call(message as CallRequest);
    else this.#options.cancel((message as CancelRequest).id);
  }

  async #follow(message: Message): Promise<void> {
    const { action, resource, id } = message;
    if (!isAction(action)) {
      const hint = `Send ${Object.keys(MESSAGE_SCHEMAS).join(', ')}.`;
      return this.#refuse(id, 'unknown_action', `there is no action ${inWords(action)}`, hint);
    }
    if (action !== 'ping' && !FEED_RESOURCES.includes(resource as never)) {
      const words = FEED_RESOURCES.join(', ');
      return this.#refuse(
        id,
        'unknown_resource',
        `there is no resource ${inWords(resource)}`,
        `The resources are ${words}.`,
      );
    }
    const errors = this.#options.check(action, message);
    if (errors.length > 0) return this.#refuseInvalid(id, errors);
    if (action === 'ping') {
      return this.#outbox.reply(JSON.stringify({ type: 'pong', ...(id === undefined ? {} : { id }) }));
    }
    const target = targetOf(message as never, this.#options.scope);
    if (typeof target === 'string') return this.#refuse(id, 'invalid_message', target);
    if (action === 'unsubscribe') return this.#unsubscribe(target, id as string | undefined);
    await this.#subscribe(target, message.since as FeedPosition | undefined, id as string | undefined);
  }

  end(): void {
    this.#ended = true;
    for (const subscription of this.#subscriptions.values()) subscription.end();
    this.#subscriptions.clear();
    this.#outbox.close();
  }

  /** Resolves once the subscription is accepted; its first message, or the missed events, may follow other messages. */
  async #subscribe(target: Target, since: FeedPosition | undefined, id: string | undefined): Promise<void> {
    const { hub, beyond, onFault } = this.#options;
    const { resource } = target;
    const refused = this.#options.refusal(resource);
    if (refused) return this.#refuse(id, refused.code as FeedError['code'], refused.message, refused.hint);
    const name = nameOf(target);
    if (!this.#subscriptions.has(name) && this.#subscriptions.size >= SUBSCRIPTIONS_MAX) {
      const words = `a connection has at most ${SUBSCRIPTIONS_MAX} subscriptions`;
      return this.#refuse(
        id,
        'too_many_subscriptions',
        words,
        'Unsubscribe from jobs that have ended, or subscribe to `jobs`.',
      );
    }
    if (resource === 'job' || resource === 'worker') {
      try {
        if (!(await beyond[resource](target.id!)))
          return this.#refuse(id, `${resource}_not_found`, `there is no ${resource} ${target.id}`);
      } catch {
        return this.#refuse(id, 'store_unavailable', 'the store cannot be read now', 'Try again in a moment.');
      }
    }
    if (this.#ended) return;
    this.#subscriptions.get(name)?.end();
    const subscription = new Subscription(target, { hub, beyond, outbox: this.#outbox, sent: this.#sent, onFault });
    this.#subscriptions.set(name, subscription);
    if (id !== undefined) this.#reply('subscribed', target, id);
    const live = () => this.#reply('live', target, id);
    void subscription.start(since, id !== undefined && since ? live : undefined);
  }

  #unsubscribe(target: Target, id: string | undefined): void {
    const name = nameOf(target);
    this.#subscriptions.get(name)?.end();
    this.#subscriptions.delete(name);
    this.#reply('unsubscribed', target, id);
  }

  #reply(type: 'subscribed' | 'live' | 'unsubscribed', target: Target, id: string | undefined): void {
    const { resource } = target;
    this.#outbox.reply(JSON.stringify({ type, ...(id === undefined ? {} : { id }), resource, ...idOf(target) }));
  }

  #refuseInvalid(id: unknown, errors: readonly FieldError[]): void {
    const named = errors.slice(0, ERRORS_MAX).map(({ field, message: what }) => `${field.slice(0, 100)} ${what}`);
    const more = errors.length > ERRORS_MAX ? [`and ${errors.length - ERRORS_MAX} more`] : [];
    this.#refuse(id, 'invalid_message', [...named, ...more].join('; '), 'docs/feed.md lists the messages.');
  }

  /** Echoes an `id` even if it breaks the schema, provided it is a number or short enough. */
  #refuse(id: unknown, code: FeedError['code'], detail: string, hint?: string): void {
    const echoed = typeof id === 'number' || (typeof id === 'string' && id.length <= 128) ? { id } : {};
    this.#outbox.reply(
      JSON.stringify({ type: 'error', ...echoed, code, detail, ...(hint === undefined ? {} : { hint }) }),
    );
  }
}

type Message = Record<string, unknown>;

const NOT_AN_OBJECT = 'the message is not a JSON object';

const isMessage = (value: unknown): value is Message =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Returns a message, a list of unchecked values, or a description of the error. */
function parse(text: string): Message | unknown[] | string {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) || isMessage(value) ? value : NOT_AN_OBJECT;
  } catch (error) {
    return `${NOT_AN_OBJECT}: ${(error as Error).message}`;
  }
}

const nameOf = ({ resource, id, filter }: Target): string =>
  JSON.stringify([resource, id, Object.entries(filter).sort()]);

const inWords = (value: unknown): string => (JSON.stringify(value) ?? 'undefined').slice(0, 80);

const idOf = ({ resource, id }: Target): object => (id === null ? {} : { [`${resource}_id`]: id });

/** Returns what a message subscribes to, or a description of what is missing. `scope`: the jobs that the reader may see. */
export function targetOf(
  request: { resource: Target['resource']; job_id?: string; worker_id?: string; filter?: Target['filter'] },
  scope: JobScope | null,
): Target | string {
  const { resource, job_id, worker_id, filter = {} } = request;
  if (resource === 'job') return job_id ? { resource, id: job_id, filter: {}, scope } : '/job_id is missing';
  if (resource === 'worker') return worker_id ? { resource, id: worker_id, filter: {} } : '/worker_id is missing';
  if (resource !== 'jobs') return { resource, id: null, filter: {} };
  // A filter is indexed, a scope is looked at for each event.
  const [tag, another] = scope?.tags ?? [];
  const narrowed = tag !== undefined && another === undefined && filter.tag === undefined ? { ...filter, tag } : filter;
  return { resource, id: null, filter: narrowed, scope };
}
