/**
 * [S6] Looks for secrets where none may be: after keys, sessions, tickets, tokens and links were made, used and revoked, no
 * object of the store, no line of the log, no error and no string of the monitor's memory has one.
 *
 * The monitor is a process of its own, with a log of every line. The look into its memory is a heap snapshot of V8, taken once
 * every connection that carried a secret has been closed.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, watch } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hashOfKey } from '../../server/access/secrets.ts';
import { type Cleaning, startNode } from '../processes/tmon.ts';
import { ADMIN_KEY } from '../servers/monitor.ts';
import { TRANSCRIPT } from '../servers/steps.ts';

const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
const AT_ONCE = 16;

/** `around`: the text beside it. */
export type Found = { where: string; around: string };

export type SecretsReport = {
  secrets: number;
  objects: number;
  log_lines: number;
  errors: number;
  heap_bytes: number;
  /** Empty if all is well. */
  found: Found[];
};

type Answer = { status: number; headers: NodeJS.Dict<string | string[]>; text: string; body: Record<string, string> };

/** `count`: of keys, each exchanged for a session, a ticket, a token, and two links. */
export async function lookForSecrets(t: Cleaning, count: number): Promise<SecretsReport> {
  const directory = mkdtempSync(join(tmpdir(), 'tmon-secrets-'));
  t.after(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }));
  const store = join(directory, 'store');
  const settings = {
    store: `dir:${store}`,
    listen: '127.0.0.1:0',
    'log-level': 'trace',
    'finished-max': '0',
    'snapshot-segments': '50',
    'admin-key-hash': hashOfKey(ADMIN_KEY),
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const child = startNode(t, ['--heapsnapshot-signal=SIGUSR2', MAIN, 'serve', '--json', ...args], { directory });
  const [, url = ''] = await child.line(/^\{"url":"([^"]+)"/);
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  const client = new Client(url, agent);

  const job_id = await transcribed(client);
  const texts = new Set<string>();
  const errors: string[] = [];
  let next = 0;
  const one = async () => {
    while (next < count) {
      next += 1;
      for (const text of await usedUp(client, job_id, errors)) texts.add(text);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  agent.destroy();
  // The monitor has noticed that all other connections are closed once it responds on new ones.
  for (let n = 0; n < 3; n += 1) await fetch(`${url}/livez`, { headers: { connection: 'close' } });

  const heap = await heapSnapshotOf(child.pid!, directory);
  child.kill('SIGTERM');
  const { stdout, stderr } = await child.ended;
  // The first line of its output has no key: the admin's is in the settings.
  const secrets = new Set([...texts, ADMIN_KEY].map(secretOf));
  const found: Found[] = [];
  const look = (where: string, text: string) => {
    for (const secret of secretsIn(text, secrets)) {
      const at = text.indexOf(secret);
      found.push({ where, around: text.slice(Math.max(0, at - 80), at + 60).replaceAll(secret, '(the secret)') });
    }
  };
  let objects = 0;
  for (const name of readdirSync(store, { recursive: true, encoding: 'utf8' })) {
    const path = join(store, name);
    if (!statSync(path).isFile()) continue;
    objects += 1;
    look(name, `${name}\n${readFileSync(path, 'latin1')}`);
  }
  look('the log', stderr + stdout);
  for (const text of errors) look('an error', text);
  look('the memory', readFileSync(heap, 'latin1'));
  return {
    secrets: secrets.size,
    objects,
    log_lines: stderr.split('\n').length,
    errors: errors.length,
    heap_bytes: statSync(heap).size,
    found,
  };
}

/** A job with a transcript in the store. */
async function transcribed(client: Client): Promise<string> {
  await client.call('PUT', '/workers/w', { key: ADMIN_KEY, body: { capabilities: {} } });
  const { body } = await client.call('POST', '/jobs', { key: ADMIN_KEY, body: { audio_url: 's3://a/b' } });
  const claimed = await client.call('POST', '/workers/w/claim', { key: ADMIN_KEY, body: {} });
  const { lease } = (JSON.parse(claimed.text) as { jobs: { lease: { token: string } }[] }).jobs[0]!;
  const headers = { 'lease-token': lease.token };
  await client.call('PUT', `/jobs/${body.job_id}/transcript`, { key: ADMIN_KEY, body: TRANSCRIPT, headers });
  return body.job_id!;
}

/** A key and everything that it is exchanged for, used rightly and wrongly, then revoked. Returns all texts with a secret. */
async function usedUp(client: Client, job_id: string, errors: string[]): Promise<string[]> {
  const made = await client.call('POST', '/keys', { key: ADMIN_KEY, body: { role: 'operate', name: 'a key' } });
  const { id, key: first } = made.body as { id: string; key: string };
  const rotated = await client.call('POST', `/keys/${id}/rotate`, { key: ADMIN_KEY, body: {} });
  const key = rotated.body.key!;
  const session = await client.call('POST', '/session', { key });
  const cookie = String(session.headers['set-cookie']).split(';')[0]!;
  await client.call('GET', '/jobs', { headers: { cookie, 'sec-fetch-site': 'same-origin' } });
  const { ticket } = (await client.call('POST', '/tickets', { key })).body;
  await client.open(`/events?resource=jobs&ticket=${ticket}`);
  const { token } = (await client.call('POST', `/jobs/${job_id}/tokens`, { key, body: {} })).body;
  await client.call('GET', `/jobs/${job_id}`, { key: token! });
  const link = (await client.call('POST', `/jobs/${job_id}/links`, { key, body: { for: 'transcript' } })).body.url!;
  await client.call('GET', pathOf(link));
  const upload = (await client.call('POST', '/uploads/links', { key })).body.url!;
  await client.call('POST', pathOf(upload), { raw: 'audio' });
  for (const wrong of [
    await client.call('GET', `/jobs/${key}?api_key=${first}`),
    await client.call('GET', `/nothing/${token}`),
    await client.call('PUT', pathOf(link)),
    await client.call('GET', `/events?ticket=${ticket}`),
    await client.call('POST', '/jobs', { key, body: { audio_url: 5, tags: [key, token], traceparent: key } }),
    await client.call('GET', '/keys', { key }),
  ]) {
    errors.push(wrong.text);
  }
  await client.call('DELETE', `/keys/${id}`, { key: ADMIN_KEY });
  errors.push((await client.call('GET', '/jobs', { key })).text, (await client.call('GET', pathOf(link))).text);
  return [first, key, cookie.split('=')[1]!, ticket!, token!, link.split('/').at(-1)!, upload.split('/').at(-1)!];
}

const pathOf = (url: string): string => new URL(url).pathname.replace('/api/v1', '');

type Send = { key?: string; body?: unknown; raw?: string; headers?: Record<string, string> };

class Client {
  readonly #url: string;
  readonly #agent: Agent;

  constructor(url: string, agent: Agent) {
    this.#url = url;
    this.#agent = agent;
  }

  call(method: string, path: string, { key, body, raw, headers = {} }: Send = {}): Promise<Answer> {
    const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const given = {
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(raw === undefined ? {} : { 'content-type': 'audio/wav' }),
      ...headers,
    };
    return new Promise((resolve, reject) => {
      const call = request(`${this.#url}/api/v1${path}`, { method, agent: this.#agent, headers: given }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () => {
          const text = Buffer.concat(parts).toString();
          const json = /json/.test(response.headers['content-type'] ?? '');
          const { statusCode: status = 0, headers: got } = response;
          resolve({ status, headers: got, text, body: json ? JSON.parse(text) : {} });
        });
      });
      call.on('error', reject);
      call.end(sent);
    });
  }

  /** Opens a response without an end, and closes it. */
  open(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const call = request(`${this.#url}/api/v1${path}`, { agent: this.#agent }, (response) => {
        response.destroy();
        resolve();
      });
      call.on('error', reject);
      call.end();
    });
  }
}

/** The path of the snapshot, once it is complete. */
async function heapSnapshotOf(pid: number, directory: string): Promise<string> {
  const named = () => readdirSync(directory).find((name) => name.endsWith('.heapsnapshot'));
  const complete = () => {
    const name = named();
    if (name === undefined) return null;
    const path = join(directory, name);
    // The last characters of the document.
    return existsSync(path) && /\]\s*\}\s*$/.test(readFileSync(path, 'latin1').slice(-20)) ? path : null;
  };
  const written = Promise.withResolvers<string>();
  const watcher = watch(directory, () => {
    const path = complete();
    if (path !== null) written.resolve(path);
  });
  process.kill(pid, 'SIGUSR2');
  const path = await written.promise;
  watcher.close();
  return path;
}

/** The 27 characters between the id and the checksum. */
const secretOf = (text: string): string => /^tm[ktl]_\w{11}_(\w{27})/.exec(text)?.[1] ?? text;

/** Those that the text has, alone or within a key. */
export function* secretsIn(text: string, secrets: ReadonlySet<string>): Generator<string> {
  for (const [run] of text.matchAll(/[0-9A-Za-z]{27,}/g)) {
    // A secret ends a key with its checksum, or stands alone; in longer runs of digits it may stand anywhere.
    const places = run.length > 200 ? [0] : Array.from({ length: run.length - 26 }, (_, at) => at);
    for (const at of places) {
      const candidate = run.slice(at, at + 27);
      if (secrets.has(candidate)) yield candidate;
    }
  }
}
