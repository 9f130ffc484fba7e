/**
 * Who may use this monitor: recognises keys, makes new ones, and reports when one ends.
 *
 * Without a key in the store or in the settings everybody may do everything, which is why such a monitor serves only
 * its own machine. From the first key on, or with an identity provider, every request needs a key or a session. Keys are
 * read from the fold, so one that was revoked at another instance is refused here as soon as its segment has been read.
 */
import { MonitorError } from '../../protocol/errors.ts';
import {
  formatKey,
  formatLink,
  formatPass,
  type KeyParts,
  parseKey,
  parseLink,
  parsePass,
} from '../../protocol/key.ts';
import { type Clock, sleep } from '../clock.ts';
import type { Engine } from '../engine.ts';
import { newUlid } from '../ids.ts';
import { UNREMEMBERED } from '../state-machine/apply/apply.ts';
import { type KeyRecord, keyCounts } from '../state-machine/state/keys.ts';
import type { PassKind, PassRecord } from '../state-machine/state/passes.ts';
import { IdleSessions } from './idle-sessions.ts';
import { hashOfKey, hashOfSecret, newKey, sameHash } from './secrets.ts';
import {
  EVERYBODY,
  NOBODY,
  narrowedToJob,
  type Subject,
  subjectOf,
  subjectOfPerson,
  subjectOutside,
} from './subject.ts';

export type AccessOptions = {
  engine: Pick<Engine, 'state' | 'subscribe' | 'submit'> & {
    journal: Pick<Engine['journal'], 'now' | 'journal_id' | 'catchUp'>;
  };
  clock: Clock;
  /** Null: the journal's id, which is made once and kept with the store. */
  pepper: string | null;
  /** SHA-256 of the admin key of the settings; null if there is none. */
  admin_key_hash: string | null;
  /** At which people sign in, and whether a rule makes somebody an admin. Absent: people have keys. */
  provider?: { issuer: string; admins: boolean } | null;
  /** The monitor serves other machines, so that requests need a key even if there is none. */
  network?: boolean;
  /** Other instances write to the store, too. */
  shared?: boolean;
  /** After how long without use a session ends; absent or 0: only by its time. */
  session_idle_ms?: number;
};

type Known = { record: KeyRecord; subject: Subject; until_ms: number | null };

type Watch = { subject: Subject; onEnd: (why: MonitorError) => void };

const SOON = { retry_after_seconds: 1 };
/** A timer is set again at the latest after this, since timers cannot be longer than 24 days. */
const RECHECK_MS = 3_600_000;
const REFRESH_MS = 1_000;

export class Access {
  readonly #options: AccessOptions;
  readonly #watches = new Set<Watch>();
  /** When each key was last accepted by this instance. Never written: it would cost a put for each request. */
  readonly #last_used = new Map<string, number>();
  /** Hash → worker, of keys that this instance has made for workers that it starts. */
  readonly #own_workers = new Map<string, Subject>();
  readonly #idle: IdleSessions;
  readonly #unsubscribe: () => void;
  /** Hash of a secret → its key and who has it; null: to be made again, because a key has changed. */
  #by_hash: ReadonlyMap<string, Known> | null = null;
  /** SHA-256 of keys that were accepted since, which takes a fifth of the time of an HMAC. */
  readonly #seen = new Map<string, Known>();
  #cancel: () => void = () => {};
  #refreshing: Promise<void> | null = null;
  #refreshed_ms = Number.NEGATIVE_INFINITY;
  /** Once there was a key, an empty fold is one that is being read again. */
  #keyed = false;
  /** A fold that is behind this is one that is being read again. */
  #seq_max = 0;

  constructor(options: AccessOptions) {
    this.#options = options;
    this.#idle = new IdleSessions(options.engine, options.session_idle_ms ?? 0);
    this.#unsubscribe = options.engine.subscribe((segment) => {
      this.#seq_max = Math.max(this.#seq_max, options.engine.state.seq);
      const keys = segment === null || segment.events.some(({ type }) => KEY_EVENTS.has(type));
      if (keys) {
        this.#by_hash = null;
        this.#seen.clear();
      }
      if (keys || segment.events.some(({ type }) => type === 'PassEnded')) this.#recheck();
    });
  }

  /** Whether requests need a key. */
  get required(): boolean {
    const { network, provider, engine } = this.#options;
    this.#keyed ||= network === true || provider != null || this.#outside_key || engine.state.tables.keys.size > 0;
    return this.#keyed;
  }

  /** Whether the settings let an admin in, by a key or by an identity provider. */
  get outside_admin(): boolean {
    return this.#outside_key || this.#options.provider?.admins === true;
  }

  get #outside_key(): boolean {
    return this.#options.admin_key_hash !== null;
  }

  /** A new key, of which only the hash is kept. */
  newSecret(id?: string): { key_id: string; key: string; secret_hash: string } {
    const made = newKey();
    const parts = { ...made, id: id ?? made.id };
    return { key_id: parts.id, key: formatKey(parts), secret_hash: this.#hash(parts.secret) };
  }

  /** A key for a worker that this instance starts; it is forgotten with this instance. */
  newWorkerKey(worker_id: string): string {
    const key = formatKey(newKey());
    this.#own_workers.set(hashOfKey(key), { ...subjectOutside(`worker:${worker_id}`, 'worker'), worker_id });
    return key;
  }

  /** Throws MonitorError `key_invalid`, `key_expired` or `key_revoked`. Without a key, returns nobody or everybody. */
  authenticate(text: string | undefined): Subject {
    if (!this.required) return EVERYBODY;
    if (this.#reading) throw new MonitorError('unavailable', 'starting', 'the monitor is reading its journal', SOON);
    if (text === undefined) return NOBODY;
    const digest = hashOfKey(text);
    const known = this.#seen.get(digest) ?? this.#find(text);
    if (known) {
      const { record, subject, until_ms } = known;
      const now_ms = this.#options.engine.journal.now();
      if (until_ms === null || now_ms < until_ms) {
        if (!keyCounts(record, now_ms)) throw endedKey(record);
        this.#seen.set(digest, known);
        this.#last_used.set(record.id, now_ms);
        return subject;
      }
    }
    const outside = this.#outside(text, digest);
    if (outside) return outside;
    throw invalidKey();
  }

  /**
   * Reads what other instances have written, at most once a second however many callers wait: the key or pass of a
   * caller that is not known here may have been made there just now.
   */
  refresh(): Promise<void> {
    if (this.#options.shared !== true) return Promise.resolve();
    this.#refreshing ??= this.#catchUp().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  async #catchUp(): Promise<void> {
    const { clock, engine } = this.#options;
    await sleep(clock, Math.max(0, this.#refreshed_ms + REFRESH_MS - clock.monotonic()));
    this.#refreshed_ms = clock.monotonic();
    await engine.journal.catchUp();
  }

  /** A new session, ticket or token, of which only the hash is kept. */
  newPass(): { pass_id: string; text: string; secret_hash: string } {
    const parts = newKey();
    return { pass_id: parts.id, text: formatPass(parts), secret_hash: this.#hash(parts.secret) };
  }

  /** The same for a link, whose text is a part of a URL. */
  newLink(): { pass_id: string; text: string; secret_hash: string } {
    const parts = newKey();
    return { pass_id: parts.id, text: formatLink(parts), secret_hash: this.#hash(parts.secret) };
  }

  /** Null if the link does not exist, or counts no longer. The subject sees what its key sees. */
  openLink(text: string, kind: 'transcript' | 'upload'): { record: PassRecord; subject: Subject } | null {
    try {
      return this.#pass(parseLink(text), kind);
    } catch (error) {
      if (error instanceof MonitorError && error.kind === 'unauthenticated') return null;
      throw error;
    }
  }

  /**
   * Throws MonitorError `pass_invalid`. The subject of a ticket: see `redeem`. `use` false: nobody is known to use the
   * session, which goes on to be idle.
   */
  authenticatePass(text: string, kind: 'session' | 'job', { use = true } = {}): Subject {
    if (!this.required) return EVERYBODY;
    const { record, subject } = this.#pass(parsePass(text), kind);
    if (use) this.#idle.use(record, this.#options.engine.journal.now());
    const held = { ...subject, pass_id: record.id };
    return record.job_id === null ? held : narrowedToJob(held, record.job_id);
  }

  /** The id of a session that counts; null for any other text. */
  sessionId(text: string): string | null {
    try {
      return this.#pass(parsePass(text), 'session').record.id;
    } catch (error) {
      if (error instanceof MonitorError && error.kind === 'unauthenticated') return null;
      throw error;
    }
  }

  /** Whether this monitor accepts a pass of the fold now. */
  passCounts(record: PassRecord): boolean {
    return typeof this.#endOfPass(record, this.#options.engine.journal.now()) === 'number';
  }

  /** Uses a ticket up. Throws MonitorError `pass_invalid`, or Refused `ticket_used`. */
  async redeem(text: string): Promise<Subject> {
    if (!this.required) return EVERYBODY;
    const { record, subject } = this.#pass(parsePass(text), 'ticket');
    const body = { type: 'end_pass', pass_id: record.id, once: true } as const;
    const id = `${UNREMEMBERED}${newUlid()}`;
    await this.#options.engine.submit({ id, fingerprint: '', actor: subject.actor, body });
    return { ...subject, pass_id: record.session_id };
  }

  /** When this instance last accepted the key. */
  lastUsed(key_id: string): number | null {
    return this.#last_used.get(key_id) ?? null;
  }

  /** Calls `onEnd` once when what the subject was let in by no longer counts. Returns a function that ends the watch. */
  watch(subject: Subject, onEnd: (why: MonitorError) => void): () => void {
    const watch = { subject, onEnd };
    this.#watches.add(watch);
    this.#recheck();
    return () => this.#watches.delete(watch);
  }

  close(): void {
    this.#unsubscribe();
    this.#cancel();
  }

  /** The keys are not in the fold at the moment. With an identity provider there may never be one. */
  get #reading(): boolean {
    const { engine, provider } = this.#options;
    const { seq, tables } = engine.state;
    if (!this.required || this.#outside_key || tables.keys.size > 0) return false;
    return provider == null || seq < this.#seq_max;
  }

  #recheck(): void {
    this.#cancel();
    if (this.#reading) return;
    const now_ms = this.#options.engine.journal.now();
    let next_ms = Number.POSITIVE_INFINITY;
    for (const watch of [...this.#watches]) {
      const why = this.#endOf(watch.subject, now_ms);
      if (typeof why === 'number') {
        next_ms = Math.min(next_ms, why);
        continue;
      }
      this.#watches.delete(watch);
      watch.onEnd(why);
    }
    if (next_ms === Number.POSITIVE_INFINITY) return;
    this.#cancel = this.#options.clock.after(Math.min(Math.max(next_ms - now_ms, 0), RECHECK_MS), () =>
      this.#recheck(),
    );
  }

  /** Why the subject is let in no longer, or until when it is at most. */
  #endOf({ key, role, pass_id }: Subject, now_ms: number): MonitorError | number {
    if (pass_id !== null) {
      const pass = this.#options.engine.state.tables.passes.get(pass_id);
      return pass ? this.#endOfPass(pass, now_ms) : invalidPass();
    }
    if (key !== null) return this.#endOfKey(key, now_ms);
    if (role === null && this.required) {
      return new MonitorError('unauthenticated', 'key_required', 'this monitor requires an API key now');
    }
    return Number.POSITIVE_INFINITY;
  }

  /** Of a pass itself, and of what it was made with: a key or a provider, and perhaps a session. */
  #endOfPass(pass: PassRecord, now_ms: number): MonitorError | number {
    const { key_id, key_hash, person, session_id } = pass;
    const end_ms = Math.min(pass.expires_ms, this.#idle.endOf(pass));
    if (end_ms <= now_ms) return invalidPass();
    if (session_id !== null && !this.#options.engine.state.tables.passes.has(session_id)) return invalidPass();
    if (key_id === null || key_hash === null) {
      return person !== null && person.issuer === this.#options.provider?.issuer ? end_ms : invalidPass();
    }
    const end = this.#endOfKey({ id: key_id, hash: key_hash }, now_ms);
    return typeof end === 'number' ? Math.min(end, end_ms) : end;
  }

  #endOfKey(key: { id: string; hash: string }, now_ms: number): MonitorError | number {
    if (this.#isOutsideAdmin(key.hash)) return Number.POSITIVE_INFINITY;
    const record = this.#options.engine.state.tables.keys.get(key.id);
    const secret = record?.secrets.find(({ hash }) => hash === key.hash);
    const { until_ms = null } = secret ?? {};
    if (!record || !secret || (until_ms !== null && until_ms <= now_ms)) return invalidKey();
    if (!keyCounts(record, now_ms)) return endedKey(record);
    return Math.min(until_ms ?? Number.POSITIVE_INFINITY, record.expires_ms ?? Number.POSITIVE_INFINITY);
  }

  #outside(text: string, hash: string): Subject | null {
    const { id } = parseKey(text) ?? {};
    if (id === undefined) return null;
    if (this.#isOutsideAdmin(hash)) return { ...subjectOutside(`key:${id}`, 'admin'), key: { id, hash } };
    return this.#own_workers.get(hash) ?? null;
  }

  /**
   * The key of the store with this text. Found by the hash of its secret, not by its id: what a refusal takes is then the
   * same whether the id exists or not, and nobody can choose a hash.
   */
  #find(text: string): Known | null {
    const parts = parseKey(text);
    if (!parts) return null;
    this.#by_hash ??= new Map(
      [...this.#options.engine.state.tables.keys.values()].flatMap((record) =>
        record.secrets.map(
          ({ hash, until_ms }) => [hash, { record, subject: subjectOf(record, hash), until_ms }] as const,
        ),
      ),
    );
    const known = this.#by_hash.get(this.#hash(parts.secret));
    return known?.record.id === parts.id ? known : null;
  }

  #isOutsideAdmin(hash: string): boolean {
    const { admin_key_hash } = this.#options;
    return admin_key_hash !== null && sameHash(hash, admin_key_hash);
  }

  #pass(parts: KeyParts | null, kind: PassKind): { record: PassRecord; subject: Subject } {
    if (this.#reading) throw new MonitorError('unavailable', 'starting', 'the monitor is reading its journal', SOON);
    // Before the record is looked for: a refusal takes the same time whether there is one.
    const hash = parts ? this.#hash(parts.secret) : '';
    const { passes, keys } = this.#options.engine.state.tables;
    const record = parts ? passes.get(parts.id) : undefined;
    if (!parts || !record || record.kind !== kind) throw invalidPass();
    if (!sameHash(record.secret_hash, hash)) throw invalidPass();
    const end = this.#endOfPass(record, this.#options.engine.journal.now());
    if (typeof end !== 'number') throw end;
    const { key_id, key_hash, person } = record;
    if (person !== null) return { record, subject: subjectOfPerson(person) };
    const key = { id: key_id!, hash: key_hash! };
    const of_key = keys.get(key.id);
    const subject = of_key ? subjectOf(of_key, key.hash) : { ...subjectOutside(`key:${key.id}`, 'admin'), key };
    return { record, subject };
  }

  #hash(secret: string): string {
    return hashOfSecret(this.#options.pepper ?? this.#options.engine.journal.journal_id, secret);
  }
}

const KEY_EVENTS: ReadonlySet<string> = new Set(['KeyCreated', 'KeyRotated', 'KeyRevoked']);

/** Only to a caller that has the secret. */
function endedKey({ revoked_ms }: KeyRecord): MonitorError {
  const [code, how] = revoked_ms === null ? ['key_expired', 'has expired'] : ['key_revoked', 'was revoked'];
  return new MonitorError('unauthenticated', code, `this API key ${how}`, {
    hint: 'Ask an administrator of this monitor for a new one.',
  });
}

const invalidPass = () =>
  new MonitorError('unauthenticated', 'pass_invalid', 'this session, ticket or token is not valid, or has ended', {
    hint: 'Sign in again.',
  });

/** The same for every reason: it does not show whether the key exists. */
function invalidKey(): MonitorError {
  return new MonitorError('unauthenticated', 'key_invalid', 'this API key is not valid', {
    hint: 'Check that it was copied whole: tmk_ and 45 characters.',
  });
}
