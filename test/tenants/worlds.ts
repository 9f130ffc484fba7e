/**
 * Two monitors that live through the same history of one tenant; only in the first another tenant lives, too. What the
 * first tenant can read must be the same in both.
 */
import type { KeyRole } from '../../protocol/api-keys.ts';
import { hashOfKey } from '../../server/access/secrets.ts';
import { endpoints } from '../../server/api/http/app.ts';
import { TurnedClock } from '../../server/testing-clock.ts';
import type { Cleaning } from '../processes/tmon.ts';
import { FeedClient } from '../servers/feed-client.ts';
import { ADMIN_KEY, type ApiResponse, type Caller, openMonitor } from '../servers/monitor.ts';

export const OURS = 'ours';
export const THEIRS = 'theirs';
export type Who = typeof OURS | typeof THEIRS;
/** Roles that a key of a tenant may have. */
export const ROLES = ['read', 'submit', 'worker', 'operate'] as const satisfies readonly KeyRole[];
type Role = (typeof ROLES)[number];

/** After as many, the pace is known. */
const TAUGHT = 25;

type Lease = { job_id: string; token: string };

class Tenant {
  readonly keys = {} as Record<Role, Caller>;
  readonly secrets = {} as Record<Role, string>;
  readonly jobs: string[] = [];
  readonly uploads: string[] = [];
  readonly leases: Lease[] = [];
}

export class World {
  readonly ours = new Tenant();
  readonly theirs = new Tenant();
  readonly clock = new TurnedClock('2026-03-01T08:00:00Z');
  readonly feeds: FeedClient[] = [];
  admin!: Caller;

  static async open(t: Cleaning): Promise<World> {
    const world = new World();
    const monitor = await openMonitor(t, {
      admin_key_hash: hashOfKey(ADMIN_KEY),
      clock: world.clock,
      analytics: 'off',
    });
    world.admin = monitor.withKey(ADMIN_KEY);
    for (const [name, tenant] of [
      [OURS, world.ours],
      [THEIRS, world.theirs],
    ] as const) {
      for (const role of ROLES) {
        const { body } = await world.admin.post('/keys', { role, tenant: name });
        tenant.keys[role] = monitor.withKey(body.key);
        tenant.secrets[role] = body.key;
      }
    }
    await world.#teach();
    for (const role of ['read', 'operate'] as const) {
      const feed = await FeedClient.open(t, monitor.url, world.ours.secrets[role]);
      feed.send({ action: 'subscribe', resource: 'jobs' });
      await feed.settled();
      world.feeds.push(feed);
    }
    return world;
  }

  /** Jobs of neither that went as usual, so that there is something to expect, and a worker that serves all. */
  async #teach(): Promise<void> {
    await this.admin.put('/workers/shared', { capabilities: { model: 'tiny' } });
    for (let n = 0; n < TAUGHT; n += 1) {
      await this.admin.post('/jobs', { audio_url: 's3://audio/a.wav', duration_seconds: 60 });
      const { body } = await this.admin.post('/workers/shared/claim', {});
      await this.clock.turn(5_000);
      const [{ job, lease }] = body.jobs;
      const output = { s3_path: 's3://t/x', segments_count: 0 };
      await this.admin.post(`/jobs/${job.job_id}/complete`, { lease_token: lease.token, output });
    }
  }

  /** The worker that serves all is alive, and takes nothing: when jobs begin would depend on the other tenant. */
  async beat(): Promise<void> {
    await this.admin.post('/workers/shared/heartbeat', {});
  }

  of(who: Who): Tenant {
    return who === OURS ? this.ours : this.theirs;
  }

  /** One step of a tenant; `chance`: numbers below 1, the same for the same step in every world. */
  async step(who: Who, chance: readonly [what: number, which: number, how: number]): Promise<void> {
    const tenant = this.of(who);
    const { submit, worker, operate } = tenant.keys;
    const [what, which, how] = chance;
    const pick = <T>(all: readonly T[]): T | undefined => all[Math.floor(which * all.length)];
    const worker_id = `${who}_${how < 0.5 ? 1 : 2}`;
    if (what < 0.35) {
      const priority = how < 0.2 ? 'high' : how < 0.7 ? 'normal' : 'low';
      const upload = pick(tenant.uploads);
      const audio_url = upload !== undefined && how < 0.3 ? upload : 's3://audio/a.wav';
      const job = { audio_url, priority, duration_seconds: 60, tags: ['shared'], metadata: { customer: who } };
      const { body } = await submit.post('/jobs', job, { 'idempotency-key': `same-${tenant.jobs.length}` });
      tenant.jobs.push(body.job_id);
    } else if (what < 0.4) {
      const { body } = await submit.post('/uploads?name=a.wav', `audio of ${tenant.uploads.length}`, {
        'content-type': 'audio/wav',
        'idempotency-key': `upload-${tenant.uploads.length}`,
      });
      tenant.uploads.push(body.audio_url);
    } else if (what < 0.6) {
      await worker.put(`/workers/${worker_id}`, { capabilities: { model: 'tiny' } });
      const { body } = await worker.post(`/workers/${worker_id}/claim`, { max_jobs: 1 + Math.floor(2 * which) });
      for (const { job, lease } of body.jobs) tenant.leases.push({ job_id: job.job_id, token: lease.token });
    } else if (what < 0.7) {
      const lease = pick(tenant.leases);
      if (lease) {
        const report = { lease_token: lease.token, percentage: Math.floor(100 * how), stage: 'TRANSCRIBING' };
        await worker.put(`/jobs/${lease.job_id}/progress`, report);
      }
    } else if (what < 0.85) {
      const [lease] = tenant.leases.splice(Math.floor(which * tenant.leases.length), 1);
      if (!lease) return;
      const { job_id, token: lease_token } = lease;
      const error = { code: 'audio_unreadable', message: 'no audio', retryable: how < 0.5 };
      // What they complete would teach the monitor something, which everybody's expectations show: that is documented.
      if (how < 0.4 || who === THEIRS) await worker.post(`/jobs/${job_id}/fail`, { lease_token, error });
      else {
        const transcript = { text: 'x', language: 'en', duration_seconds: 60, engine: 'e', segments: [] };
        await worker.put(`/jobs/${job_id}/transcript`, transcript, { 'lease-token': lease_token });
        await worker.post(`/jobs/${job_id}/complete`, {
          lease_token,
          output: { s3_path: 's3://t/x', segments_count: 0 },
        });
      }
    } else if (what < 0.93) {
      const job_id = pick(tenant.jobs);
      if (job_id) await operate.delete(`/jobs/${job_id}`);
    } else {
      const job_id = pick(tenant.jobs);
      if (job_id) await operate.post(`/jobs/${job_id}/retry`);
    }
  }

  /** Every response that our tenant can get by reading, with every key, of its own things and those of others. */
  async reads(): Promise<string[]> {
    const seen: string[] = [];
    const strangers = this.theirs.jobs.length > 0 ? this.theirs.jobs.slice(-2) : ['job-none'];
    const ids: Record<string, readonly string[]> = {
      job_id: [...this.ours.jobs.slice(-6), ...strangers.slice(0, 1)],
      upload_id: [...this.ours.uploads, ...(this.theirs.uploads.slice(0, 1) ?? [])].map(idOf),
      worker_id: ['ours_1', 'theirs_1'],
      tenant: [OURS, THEIRS],
    };
    if (this.theirs.uploads.length === 0) ids.upload_id = [...ids.upload_id!, 'upload-none'];
    for (const { method, path, operation } of endpoints) {
      if (method !== 'GET' || operation === 'events.follow') continue;
      const [, name] = /:([a-z_]+)/.exec(path) ?? [];
      const paths = name ? (ids[name] ?? ['none']).map((id) => path.replace(`:${name}`, id)) : [path];
      if (path === '/jobs')
        paths.push('/jobs?q=shared', '/jobs?tag=shared&limit=2', '/jobs?state=QUEUED', '/jobs?q=theirs');
      for (const role of ROLES) {
        for (const one of paths) {
          const { status, text } = await this.ours.keys[role].get(one);
          seen.push(`${role} ${one} ${status} ${text}`);
        }
      }
    }
    for (const feed of this.feeds) {
      await feed.settled();
      const judged = feed.messages.filter(({ event }) => event === 'JobJudged').map((one) => ({ ...one, at: '' }));
      const others = feed.messages.filter(({ event }) => event !== 'JobJudged');
      seen.push(...others.map((one) => JSON.stringify(one)), ...judged.map((one) => JSON.stringify(one)).sort());
    }
    return seen.map((line) => this.#comparable(line));
  }

  /** Without what is random, and the documented traces of others: positions in the journal, and when a verdict is recorded. */
  #comparable(line: string): string {
    let text = line;
    for (const [i, id] of this.ours.jobs.entries()) text = text.replaceAll(id, `our-job-${i}`);
    for (const [i, url] of this.ours.uploads.entries()) text = text.replaceAll(idOf(url), `our-upload-${i}`);
    for (const id of [...this.theirs.jobs, 'job-none']) text = text.replaceAll(id, 'a-job');
    for (const id of [...this.theirs.uploads.map(idOf), 'upload-none']) text = text.replaceAll(id, 'an-upload');
    return text
      .replace(/"(as_of_seq|seq|index)":-?\d+/g, '"$1":0')
      .replace(/"next_cursor":"[^"]+"/g, '"next_cursor":"…"')
      .replace(/"(request_id|key_id)":"[^"]+"/g, '"$1":"…"')
      .replace(/"id":"settled-[^"]+"/g, '"id":"…"');
  }
}

const idOf = (audio_url: string): string => audio_url.split('/')[2] ?? audio_url;

export const problemOf = ({ status, text }: ApiResponse, id: string): string =>
  `${status} ${text}`.replaceAll(id, 'ID').replace(/"request_id":"[^"]+"/g, '');
