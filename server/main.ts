/**
 * Start and stop; the only file that builds adapters and connects the parts.
 *
 *     store → check → listen ("starting") → recover the journal → views, claims, fleet → serve → duties
 *     stop: no more claims → finish requests in progress → last commit → last views → close
 */
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import pino from 'pino';
import { ownVersion } from '../installation/own-files.ts';
import { MonitorError } from '../protocol/errors.ts';
import { JobSubmission } from '../protocol/job.ts';
import type { SpanExport } from '../tracing/span.ts';
import { Access } from './access/access.ts';
import { IdentityProvider } from './access/oidc/provider.ts';
import { oidcSettings } from './access/oidc/settings.ts';
import { RateLimits } from './access/rate-limits.ts';
import { accessSettings } from './access/settings.ts';
import { keepingColumns } from './analytics/columns/duty.ts';
import { forgetCopies, openAnalytics } from './analytics/open-analytics.ts';
import { checkSubmissions } from './api/endpoints/submission.ts';
import { buildApi } from './api/http/app.ts';
import { serveMetrics } from './api/http/metrics-server.ts';
import { LargeWork } from './api/large/large-work.ts';
import { invalid, validator } from './api/validation.ts';
import { AuditKeeper } from './audit/keeping.ts';
import { backtestStore } from './backtest.ts';
import { checkCacheUrl, openCache } from './cache/open-cache.ts';
import { type Clock, systemClock } from './clock.ts';
import { environmentWith, forStore, type Settings, s3Headers, sourceUrls, tracesWanted } from './config.ts';
import { Engine, Refused } from './engine.ts';
import { completingErasures } from './erasure/erasing.ts';
import { Retiring, retiringJobs } from './erasure/retiring.ts';
import { FeedHub } from './feed/hub.ts';
import { FleetActions } from './fleets/acting.ts';
import { openFleet } from './fleets/open-fleet.ts';
import { Reconciler } from './fleets/reconciler.ts';
import { newUlid } from './ids.ts';
import { openAlertRules } from './maintenance/alert-rules.ts';
import { openCertificate } from './maintenance/certificate.ts';
import { Duty } from './maintenance/duty.ts';
import { openPolicies } from './maintenance/policies.ts';
import { openRetention } from './maintenance/retention.ts';
import { StoreRules } from './maintenance/store-rules.ts';
import { ticking } from './maintenance/ticking.ts';
import { delivering } from './notices/delivery.ts';
import { noticeOptions } from './notices/options.ts';
import { openRouting } from './notices/routes/open-routing.ts';
import { NoticeSender } from './notices/sender.ts';
import { assureStore, examineStore } from './objects/assured-store.ts';
import type { StoreCheckReport } from './objects/check-store.ts';
import { openStore } from './objects/open-store.ts';
import type { ObjectStore } from './objects/store.ts';
import { openStoreInThread } from './objects/store-thread.ts';
import { readIngestRules } from './queues/ingest/rules.ts';
import { openQueue } from './queues/open-queue.ts';
import { parseQueueUrl } from './queues/queue-url.ts';
import { followSources } from './sources/follow-sources.ts';
import { isErased } from './state-machine/state/erasures.ts';
import { meteredStore } from './telemetry/metered-store.ts';
import { Meters } from './telemetry/meters.ts';
import { monitorMetrics } from './telemetry/metrics.ts';
import { attemptsTrace, submittersTrace, traceJobs } from './telemetry/traces/job-traces.ts';
import { UsageHistory } from './telemetry/usage-history.ts';
import { cleaningUploads } from './uploads/cleanup.ts';
import { UPLOADS_PREFIX } from './uploads/keys.ts';
import { Uploads } from './uploads/uploads.ts';
import { Outlooks } from './verdicts/outlooks.ts';
import { Archive } from './views/archive.ts';
import { findArchivedJob } from './views/archived-records.ts';
import { idleShare } from './views/idle-share.ts';
import { ARCHIVE, JOURNAL_TRACES, VIEW_PREFIXES } from './views/keys.ts';
import { ViewPublisher } from './views/publisher.ts';
import { rebuildViews } from './views/rebuild.ts';
import type { RebuildReport } from './views/rebuild-report.ts';

export type { RebuildReport };

export type RunningMonitor = {
  /** Base URL of the API: `http://127.0.0.1:8080`. */
  url: string;
  /** The admin key that this start has made, to be shown once; null if it made none. */
  first_key: string | null;
  /** Reads its files again: alert rules, routes, the TLS certificate. If one is invalid, the earlier one stays. */
  reload(): Promise<void>;
  /** Finishes requests in progress, then stops. */
  stop(): Promise<void>;
  /** Resolves with the reason if the monitor can't recover: the process has to be restarted. */
  failed: Promise<Error>;
};

const ARCHIVE_MS = 10_000;
const HEAD_MARK_MS = 10_000;
/** Where each put has a price. */
const HEAD_MARK_SHARED_MS = 60_000;
const TRUNCATE_MS = 600_000;
/** Progress that waits longer for the journal is told before. */
const REPORTS_MS = 100;

export type Log = (level: 'info' | 'warn' | 'error', message: string) => void;

/** Parts that a caller may provide: a clock, an open store, and a receiver of the log's lines. */
export type Parts = { clock?: Clock; store?: ObjectStore; log?: Log };

/** Throws MonitorError, StoreError or JournalError, each with a hint, if the monitor can't start. */
export async function startMonitor(
  settings: Settings,
  { clock = systemClock, store: provided, log = logTo(settings.log_level) }: Parts = {},
): Promise<RunningMonitor> {
  const { host, port, network } = parseListen(settings.listen, 'listen');
  const metrics_at = settings.metrics_listen === '' ? null : parseListen(settings.metrics_listen, 'metrics-listen');
  const certificate = await openCertificate(settings, { clock, log });
  parseQueueUrl(settings.queue);
  const ingest_rules = await readIngestRules(settings.ingest_rules, validateSubmission);
  checkCacheUrl(settings.cache);
  const access_settings = await accessSettings(settings);
  const oidc = await oidcSettings(settings);
  const alert_rules = await openAlertRules({ path: settings.alert_rules, clock, log });
  const policies = await openPolicies({ path: settings.policies, clock, log });
  const retention = await openRetention({ path: settings.retention_file, clock, log });
  const notifier_options = noticeOptions(settings);
  const routes = await openRouting(settings, { clock, log, notifier_options });
  // In parallel: the store opens in its thread while the API is built here.
  const version = ownVersion();
  const building = buildApi(settings, version, log, clock, { tls: certificate.value });
  building.catch(() => undefined);
  const opened = provided ?? (await openStoreInThread(settings.store, { clock, lock: true, s3: s3Headers(settings) }));
  const undo: (() => Promise<unknown>)[] = [() => opened.close()];
  try {
    const meters = new Meters();
    const store = meteredStore(await assureStore(opened, { clock, log }), meters, clock);
    if (!store.shared) await logFindings(store, log);
    const api = await building;
    await listen(() => api.app.listen({ host, port }), { host, port });
    undo.push(() => api.close(clock));
    certificate.onChange((tls) => tls && api.certify(tls));
    const address = api.app.server.address() as AddressInfo;
    const scheme = certificate.value === null ? 'http' : 'https';
    const url = `${scheme}://${host.includes(':') ? `[${host}]` : host}:${address.port}`;
    const local_url = network ? url.replace(ANY_ADDRESS, (any) => (any === '0.0.0.0' ? '127.0.0.1' : '[::1]')) : url;
    const scraped = metrics_at && (await listen(() => serveMetrics(api.metrics, metrics_at), metrics_at));
    undo.push(async () => void scraped?.close());

    const own = forStore(settings, store);
    const instance = settings.instance || `${hostname().replace(/[^A-Za-z0-9]+/g, '-')}-${newUlid().slice(-8)}`;
    const engine = await Engine.open({
      ...settings,
      policy: { ...settings, alerts: alert_rules.value, routing: routes.value.routing, policies: policies.value },
      store,
      clock,
      random: { float: Math.random },
      newId: newUlid,
      instance,
      url,
      soft_linger_ms: own.soft_linger_ms,
      tail_poll_ms: store.shared ? (settings.tail_poll_ms ?? 200) : null,
      traces: JOURNAL_TRACES,
      onCommit: (commit) => meters.commit(commit),
      log,
    });
    undo.push(() => engine.stop());
    const provider = oidc && new IdentityProvider(oidc, clock);
    const access = new Access({
      engine,
      clock,
      network,
      provider,
      shared: store.shared,
      session_idle_ms: settings.session_idle_ms,
      ...access_settings,
    });
    undo.push(async () => access.close());
    const first_key = network ? await firstKey(engine, access) : null;
    if (network && certificate.value === null) log('warn', UNENCRYPTED);
    const spans = await openTraces(log);
    undo.push(async () => spans?.close());
    if (spans) traceJobs(engine, spans);
    const publisher = new ViewPublisher({ engine, store, clock, settings: own, idle: idleShare(clock), log });
    // A fold that ends before the damage is older than the views, so it must not write or delete any.
    const { halted } = engine.journal.status;
    const archive = new Archive({ engine, store, clock, settings, publisher, log });
    const fleet = await openFleet(settings.fleet, {
      clock,
      serverUrl: () => local_url,
      environmentOf: (worker_id) =>
        environmentWith(access.required ? { TMON_API_KEY: access.newWorkerKey(worker_id) } : {}),
      monitor: nameOf(store),
      log,
    });
    undo.push(() => fleet.close());
    const actions = new FleetActions({ engine, fleet, instance, clock, log });
    const acting = () => actions.acting();
    const reconciler = new Reconciler({ engine, fleet, acting, settings, clock, log });
    const feed = new FeedHub(engine, clock, { reports: own.soft_linger_ms > REPORTS_MS });
    if (!halted) {
      undo.push(() => publisher.stop());
      await publisher.start();
    }
    const cache = halted ? null : await openCache({ url: settings.cache, engine, clock, log });
    if (cache) undo.push(async () => cache.abandon());
    cache?.start();
    const analytics = await openAnalytics(settings, clock, ownStore(provided, store));
    undo.push(() => analytics.close());
    const sources = followSources(sourceUrls(settings), { engine, store, clock, settings, log });
    const uploads = new Uploads({ store, settings, now: () => engine.journal.now() });
    const { claims, external } = await openQueue(settings.queue, {
      engine,
      clock,
      log,
      rules: ingest_rules,
      own_urls: ownUrls(store),
      validate: validateSubmission,
      archived: async (job_id) =>
        isErased(engine.state, job_id) || (await findArchivedJob({ engine, store }, job_id)) !== undefined,
      check: (jobs) => checkSubmissions({ uploads, settings, engine }, { tenant: null }, jobs),
    });
    undo.push(async () => external?.stop());
    const large = new LargeWork(clock);
    undo.push(() => large.close());
    const retiring = new Retiring({ engine, store, clock, rules: () => retention.value, log });
    api.serve({
      access,
      limits: new RateLimits(clock, {
        key: settings.key_requests_per_second,
        address: settings.address_requests_per_second,
      }),
      provider,
      engine,
      store,
      clock,
      settings,
      version,
      fleet,
      reconciler,
      claims,
      queue: external,
      feed,
      uploads,
      large,
      sources,
      analytics,
      cache,
      alert_rules,
      policies,
      retention: { rules: () => retention.value, next: () => retiring.next() },
      metrics: monitorMetrics({ engine, feed, views: publisher, cache, queue: external, settings, meters }),
      meters,
      usage: new UsageHistory(engine),
      backtest: (rules, since_ms) => backtestStore(store, { rules, since_ms, now_ms: engine.journal.now() }),
      verify: shared(async () => (await import('./doctor.ts')).inspectStoreIn(store)),
      outlooks: new Outlooks({
        state: () => engine.state,
        now: () => engine.journal.now(),
        passes_max: settings.passes_max,
      }),
      traceOf: spans ? attemptsTrace : submittersTrace,
      log,
    });

    alert_rules.onChange((alerts) => engine.changePolicy({ alerts }));
    routes.onChange(({ routing }) => engine.changePolicy({ routing }));
    policies.onChange((changed) => engine.changePolicy({ policies: changed }));
    const notices = new NoticeSender({
      engine,
      clock,
      random: { float: Math.random },
      deliver: delivering(notifier_options, () => routes.value.notifiers),
      sole: !store.shared,
      newId: newUlid,
      log,
    });
    const rules = new StoreRules({ inspect: store.inspect?.bind(store), clock, log });
    const audit = new AuditKeeper({ engine, store, settings });
    const truncate = async () => engine.journal.truncate(await audit.runOnce());
    const duties = [
      ticking({ engine, clock, log, rules, acting, files: [alert_rules, routes, policies, retention, certificate] }),
      rules.duty(),
      alert_rules.duty(),
      routes.duty(),
      policies.duty(),
      retention.duty(),
      certificate.duty(),
      new Duty({
        name: 'archive',
        clock,
        failure_ms: ARCHIVE_MS,
        log,
        run: async () => ({ again_ms: (await archive.runOnce()) > 0 ? 0 : ARCHIVE_MS }),
      }),
      new Duty({
        name: 'head mark',
        clock,
        failure_ms: HEAD_MARK_MS,
        log,
        run: async () => {
          await engine.journal.mark();
          return { again_ms: store.shared ? HEAD_MARK_SHARED_MS : HEAD_MARK_MS };
        },
      }),
      new Duty({
        name: 'truncation',
        clock,
        failure_ms: TRUNCATE_MS,
        log,
        run: async () => {
          const deleted = await truncate();
          if (deleted > 0) log('info', `truncated ${deleted} segments`);
          return { again_ms: TRUNCATE_MS };
        },
      }),
      cleaningUploads({ store, engine, settings, log, clock }),
      keepingColumns({ engine, store, clock, analytics, log, strays_only: settings.analytics !== 'on' }),
      completingErasures({
        engine,
        store,
        clock,
        settings,
        publisher,
        truncate,
        forgetCopies: () => forgetCopies(settings, { engine, store, clock }),
        log,
      }),
      retiringJobs(retiring, { clock, log }),
      ...reconciler.duties(),
      actions.duty(),
      notices,
    ];
    if (!halted) for (const duty of [...duties, ...sources, ...(external ? [external] : [])]) duty.start();
    log('info', `listening on ${url}, store ${store.url}, segment ${engine.state.seq}`);

    let stopped: Promise<void> | undefined;
    const stop = async () => {
      log('info', 'stopping: no more claims, finishing requests in progress');
      api.retire();
      const steps = [
        () => Promise.all([...duties, ...sources].map((duty) => duty.stop())),
        async () => external?.stop(),
        () => fleet.close(),
        () => analytics.close(),
        () => api.close(clock),
        () => large.close(),
        async () => void scraped?.close(),
        async () => access.close(),
        () => engine.stop(),
        async () => spans?.close(),
        async () => cache?.stop(),
        async () => {
          if (!halted) await publisher.stop();
        },
        () => store.close(),
      ];
      // If the store fails, some steps fail; the lock must be released all the same.
      for (const step of steps) await step().catch((error: Error) => log('warn', `while stopping: ${error.message}`));
      log('info', `stopped at segment ${engine.state.seq}`);
    };
    return {
      url,
      first_key,
      failed: store.failed ?? new Promise(() => {}),
      reload: async () => {
        for (const file of [alert_rules, routes, policies, retention, certificate]) await file.reload({ always: true });
      },
      stop: () => {
        stopped ??= stop();
        return stopped;
      },
    };
  } catch (error) {
    for (const step of undo.reverse()) await step().catch(() => undefined);
    throw error;
  }
}

/** Null unless traces are to be sent. The packages are loaded only then. */
async function openTraces(log: Log): Promise<SpanExport | null> {
  if (!tracesWanted()) return null;
  try {
    const { openSpanExport } = await import('../tracing/open-span-export.ts');
    const service = 'transcription-monitor';
    return await openSpanExport({ service, log: (message) => log('warn', message) });
  } catch (error) {
    log('error', `no traces are sent: ${(error as Error).message}`);
    return null;
  }
}

const submissionOf = validator<JobSubmission>(JobSubmission);

const validateSubmission = (value: unknown) => {
  const checked = submissionOf(value);
  return 'errors' in checked ? { why: invalid(checked.errors, 'as a submission').message } : checked;
};

const OWN_PREFIXES = [
  ...VIEW_PREFIXES,
  ARCHIVE,
  UPLOADS_PREFIX,
  'journal/',
  'snapshots/',
  'meta/',
  'transcripts/',
  'analytics/',
  'audit/',
];

/** Of everything that a monitor writes into its bucket. */
const ownUrls = ({ url }: ObjectStore): string[] =>
  url.startsWith('s3://') ? OWN_PREFIXES.map((prefix) => `${url.replace(/\/*$/, '')}/${prefix}`) : [];

/** A store that another process can't open by its URL. */
const ownStore = (provided: ObjectStore | undefined, store: ObjectStore): ObjectStore | undefined =>
  provided || store.url === 'memory:' ? store : undefined;

function logTo(level: string): Log {
  const logger = pino({ level, base: null }, pino.destination(2));
  return (severity, message) => logger[severity](message);
}

/** `tmon doctor`: the full check of a store, under a temporary prefix. */
export async function checkStoreAt(
  settings: Settings,
  { clock = systemClock, recheck = false }: { clock?: Clock; recheck?: boolean } = {},
): Promise<StoreCheckReport> {
  const store = await openStore(settings.store, { clock, lock: false, s3: s3Headers(settings) });
  try {
    return await examineStore(store, { clock, recheck });
  } finally {
    await store.close();
  }
}

/**
 * `tmon rebuild`: rewrites every view from the journal and the archive. A dry run takes no lock and changes nothing.
 */
export async function rebuildAt(
  settings: Settings,
  { clock = systemClock, dry_run = false }: { clock?: Clock; dry_run?: boolean } = {},
): Promise<RebuildReport> {
  // Check first, without the lock: a directory without a journal must not get a lock file.
  const unlocked = await openStore(settings.store, { clock, lock: false, s3: s3Headers(settings) });
  try {
    if (dry_run || !(await holdsJournal(unlocked)))
      return await rebuildViews({ store: unlocked, clock, settings, dry_run });
  } finally {
    await unlocked.close();
  }
  const store = await openStore(settings.store, { clock, lock: true, create: false, s3: s3Headers(settings) });
  try {
    return await rebuildViews({ store, clock, settings });
  } finally {
    await store.close();
  }
}

async function holdsJournal(store: ObjectStore): Promise<boolean> {
  for (const prefix of ['journal/', 'snapshots/']) for await (const _ of store.list(prefix)) return true;
  return false;
}

/** Monitors of one bucket share its name; a directory may have the same path on two machines. */
const nameOf = ({ shared, url }: ObjectStore): string => (shared ? url : `${hostname()}:${url}`);

/** Logs findings that the owner of a directory should see at every start, such as a file system in memory. */
async function logFindings(store: ObjectStore, log: Log): Promise<void> {
  for (const { check, verdict, says, hint } of (await store.inspect?.()) ?? []) {
    const level = verdict === 'pass' ? 'info' : 'warn';
    log(level, `${check}: ${says}${hint === undefined ? '' : `; ${hint}`}`);
  }
}

/** `network`: it may be reached from other machines. */
function parseListen(text: string, name: string): { host: string; port: number; network: boolean } {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) {
    throw new MonitorError('invalid', 'bad_listen', `--${name} is ${JSON.stringify(text)}; it must be HOST:PORT`, {
      hint: 'For example 127.0.0.1:8080.',
    });
  }
  const host = match[1] ?? (match[2] || '0.0.0.0');
  return { host, port, network: !LOOPBACK.test(host) };
}

const ANY_ADDRESS = /0\.0\.0\.0|\[::\]/;
const UNENCRYPTED =
  'keys and transcripts cross the network unencrypted: use --tls-cert and --tls-key, or a proxy with TLS';

/** Makes the first key of a store; null if it has one, or the settings have. Throws if the store accepts no writes. */
async function firstKey(engine: Engine, access: Access): Promise<string | null> {
  if (access.outside_admin || engine.state.tables.keys.size > 0) return null;
  const { key, key_id, secret_hash } = access.newSecret();
  const limits = { tags: null, worker_id: null, tenant: null, expires_ms: null };
  const creation = { key_id, role: 'admin', name: 'first', ...limits, secret_hash, by: 'monitor' } as const;
  try {
    await engine.submit({
      id: newUlid(),
      fingerprint: '',
      actor: 'monitor',
      body: { type: 'create_key', ...creation, first: true, outside_admin: false },
    });
    return key;
  } catch (error) {
    // Another instance was faster.
    if (error instanceof Refused) return null;
    throw new MonitorError('unavailable', 'no_keys', 'there is no key yet, and the store accepts none now', {
      hint: 'Fix the store, or set TMON_ADMIN_KEY_HASH: `tmon keys generate` prints a key and its hash.',
      cause: error,
    });
  }
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/;

async function listen<T>(start: () => Promise<T>, at: { host: string; port: number }): Promise<T> {
  try {
    return await start();
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN', 'EACCES'].includes(code)) {
      throw new MonitorError('invalid', 'bad_listen', `cannot listen on ${at.host}:${at.port}: ${code}`, {
        hint: 'Use an address of this machine, or 0.0.0.0 for all of them.',
        cause: error,
      });
    }
    if (code !== 'EADDRINUSE') throw error;
    throw new MonitorError('conflict', 'port_in_use', `${at.host}:${at.port} is already in use`, {
      hint: `Stop the process that uses it, or use --listen ${at.host}:0 for a free port.`,
      cause: error,
    });
  }
}

/** Callers that come while it runs get the same result. */
function shared<T>(run: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | null = null;
  return () => {
    running ??= run().finally(() => {
      running = null;
    });
    return running;
  };
}
