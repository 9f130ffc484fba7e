/**
 * The monitor's client for TypeScript and JavaScript, in Node and in browsers. Requires only `fetch`; the live
 * feed uses `WebSocket` where there is one.
 *
 *     const api = new TranscriptionAPI({ baseUrl: 'http://127.0.0.1:8080' });
 *     const job = await api.jobs.submit({ audio_url: 's3://bucket/audio.mp3', output_format: 'json', priority: 'high' });
 *     for await (const update of api.jobs.watch(job.id)) console.log(`${update.percentage}% ${update.stage}`);
 *     console.log((await api.jobs.transcript(job.id)).text);
 *
 * Every method takes `{ signal, idempotencyKey }` as its last argument. For errors see errors.ts.
 */
import { Analytics } from './analytics.ts';
import { Audit } from './audit.ts';
import { Events } from './events.ts';
import { Feed } from './feed.ts';
import { Jobs } from './jobs.ts';
import { Keys } from './keys.ts';
import { Links } from './links.ts';
import { Queues } from './queues.ts';
import { Session, Sessions, Tickets } from './session.ts';
import { Sources } from './sources.ts';
import { System } from './system.ts';
import { Tenants } from './tenants.ts';
import { Transport, type TransportOptions } from './transport.ts';
import { Uploads } from './uploads.ts';
import { Workers } from './workers.ts';

export class TranscriptionAPI {
  readonly jobs: Jobs;
  readonly workers: Workers;
  readonly queues: Queues;
  readonly system: System;
  readonly uploads: Uploads;
  readonly sources: Sources;
  readonly events: Events;
  readonly analytics: Analytics;
  readonly keys: Keys;
  readonly tenants: Tenants;
  readonly audit: Audit;
  readonly session: Session;
  readonly sessions: Sessions;
  readonly tickets: Tickets;
  readonly links: Links;
  readonly feed: Feed;
  readonly #transport: Transport;

  constructor(options: TransportOptions) {
    const transport = new Transport(options);
    this.#transport = transport;
    this.feed = new Feed(transport);
    this.jobs = new Jobs(transport, this.feed);
    this.workers = new Workers(transport);
    this.queues = new Queues(transport);
    this.system = new System(transport);
    this.uploads = new Uploads(transport);
    this.sources = new Sources(transport);
    this.events = new Events(transport, this.feed);
    this.analytics = new Analytics(transport);
    this.keys = new Keys(transport);
    this.tenants = new Tenants(transport);
    this.audit = new Audit(transport);
    this.session = new Session(transport);
    this.sessions = new Sessions(transport);
    this.tickets = new Tickets(transport);
    this.links = new Links(transport);
  }

  /** Closes the connection of `transport: 'websocket'`, which closes by itself a few seconds after the last call. */
  close(): void {
    this.#transport.close();
  }
}

export * from './errors.ts';
export type { FeedEvents, FollowOptions, FollowTarget } from './feed.ts';
export type { StateRedis } from './job-cache.ts';
export type { JobWithId } from './job-with-id.ts';
export type { JobProgressDocument, JobTimeline, StoredTranscript } from './jobs.ts';
export { type Page, Pages } from './pages.ts';
export { type AnalyzedJob, PerformanceAnalyzer } from './performance-analyzer.ts';
export { type JobStateOptions, StateAPI, type StateOptions, type StateStore } from './state-api.ts';
export type { ActionsQuery, AlertStatusQuery, ListedAlert, SystemHealthWithStatus } from './system.ts';
export type { CallOptions, RawBody, TransportOptions } from './transport.ts';
export type { UploadFile, UploadOptions, UploadProgress } from './uploads.ts';
export { isProgress, type JobUpdate, jobAsOf, type WatchOptions } from './watch.ts';
export type { WorkerJob } from './workers.ts';
