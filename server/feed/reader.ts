/**
 * One reader of the feed over WebSocket: the messages it sends, and what is answered. A mistake in one message is told and
 * harms nothing else; the connection stays. Its calls are begun as they come; what else it asks is answered one after the other.
 *
 * A frame is a message or a list of them, which are taken as if each had come alone. Who has sent a list can read one: from then on
 * answers to its calls that are ready together leave as one.
 */
import type { FieldError } from '../../protocol/errors.ts';
import {
  CallRequest,
  CancelRequest,
  FEED_RESOURCES,
  type FeedPosition,
  PingRequest,
  SubscribeRequest,
  UnsubscribeRequest,
} from '../../protocol/feed.ts';
import type { FeedError } from '../../protocol/feed-messages.ts';
import type { Target } from './current-state.ts';
import type { FeedHub } from './hub.ts';
import { Outbox, type Sink } from './outbox.ts';
import { type Beyond, Subscription } from './subscription.ts';

export type ReaderOptions = {
  hub: FeedHub;
  sink: Sink;
  beyond: Beyond;
  /** Checks a value against a schema: its errors, or none. */
  check: (schema: keyof typeof MESSAGE_SCHEMAS, value: unknown) => FieldError[];
  /** Does what is called, and answers it. Never throws. */
  call: (call: CallRequest) => void;
  /** The answer to this call is not waited for any more. */
  cancel: (id: string) => void;
  /** So many messages have come: whether it may say so much. */
  spend: (messages: number) => boolean;
  /** It can't be served further: let it go, so that it comes back. */
  onFault: (error: unknown) => void;
};

export const SUBSCRIPTIONS_MAX = 1000;
/** Errors that one refusal names. */
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
  readonly #given: { last: FeedPosition | null } = { last: null };
  readonly #subscriptions = new Map<string, Subscription>();
  /** Of what is answered in order. */
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

  /** A frame as it came: resolves when all in it has been answered; undefined where it holds calls alone. Never throws. */
  receive(text: string): Promise<void> | undefined {
    const said = parse(text);
    const count = Array.isArray(said) ? said.length : 1;
    if (!this.#options.spend(Math.max(1, count))) return;
    if (!Array.isArray(said)) return this.#take(said);
    if (count === 0) return this.#take(`${NO_OBJECT}: the list is empty`);
    this.#readsLists = true;
    let answer: Promise<void> | undefined;
    for (const message of said) answer = this.#take(isMessage(message) ? message : NO_OBJECT) ?? answer;
    return answer;
  }

  /** Answers to calls; one who reads none is let go. */
  answer(texts: readonly string[]): void {
    this.#outbox.answer(this.#readsLists && texts.length > 1 ? [`[${texts.join(',')}]`] : texts);
  }

  /** A message, or why it is none. */
  #take(message: Message | string): Promise<void> | undefined {
    if (typeof message === 'string') return this.#inOrder(() => this.#refuse(undefined, 'invalid_json', message));
    if (message.action === 'call' || message.action === 'cancel') return this.#call(message.action, message);
    return this.#inOrder(() => this.#follow(message));
  }

  #inOrder(answer: () => Promise<void> | void): Promise<void> {
    this.#last = this.#last.then(answer);
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
      return this.#refuse(id, 'unknown_resource', `there is no resource ${inWords(resource)}`, `There are ${words}.`);
    }
    const errors = this.#options.check(action, message);
    if (errors.length > 0) return this.#refuseInvalid(id, errors);
    if (action === 'ping') {
      return this.#outbox.say(JSON.stringify({ type: 'pong', ...(id === undefined ? {} : { id }) }));
    }
    const target = targetOf(message as never);
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

  /** Resolves once it is accepted: what it says first, or catches up with, follows beside other messages. */
  async #subscribe(target: Target, since: FeedPosition | undefined, id: string | undefined): Promise<void> {
    const { hub, beyond, onFault } = this.#options;
    const { resource } = target;
    const name = nameOf(target);
    if (!this.#subscriptions.has(name) && this.#subscriptions.size >= SUBSCRIPTIONS_MAX) {
      const words = `a connection has at most ${SUBSCRIPTIONS_MAX} subscriptions`;
      return this.#refuse(id, 'too_many_subscriptions', words, 'Unsubscribe from what has ended, or follow jobs.');
    }
    if (resource === 'job' || resource === 'worker') {
      try {
        if (!(await beyond[resource](target.id!)))
          return this.#refuse(id, `${resource}_not_found`, `there is no ${resource} ${target.id}`);
      } catch {
        return this.#refuse(id, 'store_unavailable', 'the store can not be read now', 'Ask again in a moment.');
      }
    }
    if (this.#ended) return;
    this.#subscriptions.get(name)?.end();
    const subscription = new Subscription(target, { hub, beyond, outbox: this.#outbox, given: this.#given, onFault });
    this.#subscriptions.set(name, subscription);
    if (id !== undefined) this.#say('subscribed', target, id);
    const live = () => this.#say('live', target, id);
    void subscription.start(since, id !== undefined && since ? live : undefined);
  }

  #unsubscribe(target: Target, id: string | undefined): void {
    const name = nameOf(target);
    this.#subscriptions.get(name)?.end();
    this.#subscriptions.delete(name);
    this.#say('unsubscribed', target, id);
  }

  #say(type: 'subscribed' | 'live' | 'unsubscribed', target: Target, id: string | undefined): void {
    const { resource } = target;
    this.#outbox.say(JSON.stringify({ type, ...(id === undefined ? {} : { id }), resource, ...idOf(target) }));
  }

  #refuseInvalid(id: unknown, errors: readonly FieldError[]): void {
    const named = errors.slice(0, ERRORS_MAX).map(({ field, message: what }) => `${field.slice(0, 100)} ${what}`);
    const more = errors.length > ERRORS_MAX ? [`and ${errors.length - ERRORS_MAX} more`] : [];
    this.#refuse(id, 'invalid_message', [...named, ...more].join('; '), 'docs/feed.md lists the messages.');
  }

  /** An `id` that is none of ours is echoed as far as it can be one. */
  #refuse(id: unknown, code: FeedError['code'], detail: string, hint?: string): void {
    const echoed = typeof id === 'number' || (typeof id === 'string' && id.length <= 128) ? { id } : {};
    this.#outbox.say(
      JSON.stringify({ type: 'error', ...echoed, code, detail, ...(hint === undefined ? {} : { hint }) }),
    );
  }
}

type Message = Record<string, unknown>;

const NO_OBJECT = 'the message is not a JSON object';

const isMessage = (said: unknown): said is Message => typeof said === 'object' && said !== null && !Array.isArray(said);

/** What a frame says: a message, a list of whatever, or why it is neither. */
function parse(text: string): Message | unknown[] | string {
  try {
    const said: unknown = JSON.parse(text);
    return Array.isArray(said) || isMessage(said) ? said : NO_OBJECT;
  } catch (error) {
    return `${NO_OBJECT}: ${(error as Error).message}`;
  }
}

const nameOf = ({ resource, id, filter }: Target): string =>
  JSON.stringify([resource, id, Object.entries(filter).sort()]);

const inWords = (value: unknown): string => (JSON.stringify(value) ?? 'undefined').slice(0, 80);

const idOf = ({ resource, id }: Target): object => (id === null ? {} : { [`${resource}_id`]: id });

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
