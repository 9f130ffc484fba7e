/**
 * A monitor with a busy fleet: 42 workers of four kinds and 1,000 jobs in every state, from a seed. Most of the history is made with
 * commands on an engine; the last twenty minutes go through the API of the monitor that then serves it, so that what it measures
 * itself is there, too. Its time stands still at `END`.
 *
 *     node test/browser/busy-fleet.ts [--listen 127.0.0.1:8090] [--seed 7]      serves it until Ctrl-C
 */
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { parseArgs } from 'node:util';
import { monotonicFactory } from 'ulidx';
import { NotifierError } from '../../notifiers/notifier.ts';
import { TranscriptionAPI } from '../../sdk/typescript/index.ts';
import { defaultRules } from '../../server/alerts/rules/defaults.ts';
import { keepTranscript } from '../../server/api/endpoints/transcripts.ts';
import { LargeWork } from '../../server/api/large/large-work.ts';
import { forStore, readSettings } from '../../server/config.ts';
import { Engine } from '../../server/engine.ts';
import { newUlid } from '../../server/ids.ts';
import { startMonitor } from '../../server/main.ts';
import { ROUTE_DEFAULTS, type Routing } from '../../server/notices/routes/routes.ts';
import { NoticeSender } from '../../server/notices/sender.ts';
import { MemoryStore } from '../../server/objects/memory.ts';
import type { ObjectStore } from '../../server/objects/store.ts';
import { defaultPolicies } from '../../server/policies/defaults.ts';
import { Uploads } from '../../server/uploads/uploads.ts';
import { type Cleaning, temporaryDirectory } from '../processes/tmon.ts';
import { randomOf } from '../random.ts';
import { FleetHistory } from './fleet-history.ts';
import { apiPort, enginePort, type FleetPort } from './fleet-ports.ts';
import { StandingClock } from './standing-clock.ts';

/** A Friday, before lunch. */
export const END = '2026-11-27T11:42:00Z';
const SERVED_MS = 20 * 60_000;
const STOP_MS = 5_000;
/** In milliseconds; the fleet of the first days sends no heartbeats. */
const PATIENT = { lease_ms: 6 * 3_600_000, worker_degraded_ms: 86_400_000, worker_lost_ms: 2 * 86_400_000 };
const AUDIO = new URL('../../examples/audio/', import.meta.url);

export type BusyFleet = {
  url: string;
  clock: StandingClock;
  /** Completed jobs with a recording of their own in the store. */
  heard: readonly string[];
  /** The job whose worker is alive, but does not get on. */
  hung: string;
};

export async function openBusyFleet(
  t: Cleaning,
  { seed = 7, listen = '127.0.0.1:0' }: { seed?: number; listen?: string } = {},
): Promise<BusyFleet> {
  const end_ms = Date.parse(END);
  const clock = new StandingClock(FleetHistory.startOf(end_ms));
  const store = new MemoryStore(clock);
  const receiver = await startReceiver(t);
  const routes = join(temporaryDirectory(t), 'routes.yaml');
  await writeFile(
    routes,
    `destinations:
  ops: { url: '${receiver}/ops' }
  oncall: { url: '${receiver}/oncall' }
routes:
  - { match: [severity=CRITICAL], notify: [oncall], continue: true }
  - { notify: [ops] }
`,
  );
  const settings = readSettings(
    {
      store: 'memory:',
      listen,
      fleet: 'none:',
      log_level: 'silent',
      notify_routes: routes,
      allow_private_webhooks: 'true',
      worker_start_ms: 3_600_000,
      // While time stands still no view is due; when it goes on, all are written at once.
      view_puts_per_second: 1_000_000,
    },
    {},
  );
  const random = randomOf(seed);
  const ulid = monotonicFactory(random);
  const history = new FleetHistory({ seed, clock, end_ms });
  const { engine, stop } = await openEngine(store, clock, random);
  engine.changePolicy(PATIENT);
  const port = enginePort(engine, () => `job-${ulid(clock.now())}`);
  await history.play(port, end_ms - 7 * 3_600_000);
  const { lease_ms, worker_degraded_ms, worker_lost_ms } = settings;
  engine.changePolicy({ lease_ms, worker_degraded_ms, worker_lost_ms });
  await history.play(port, end_ms - 80 * 60_000);
  const heard = await transcribeExamples(port, { store, clock, engine });
  await history.play(port, end_ms - SERVED_MS);
  await stop();

  const monitor = await startMonitor(settings, { clock, store, log: () => {} });
  // Its store is in memory: nothing is lost if the process ends before all views are written.
  t.after(() => {
    clock.go();
    void monitor.stop();
    setTimeout(() => process.exit(), STOP_MS).unref();
  });
  const served = apiPort(monitor.url);
  await history.play(served, end_ms);
  clock.stand();
  served.close();
  await attend(monitor.url);
  return { url: monitor.url, clock, heard, hung: history.hung! };
}

/** What an operator has done. */
async function attend(url: string): Promise<void> {
  const api = new TranscriptionAPI({ baseUrl: url });
  for await (const alert of api.system.alerts()) {
    if (alert.rule === 'jobs_dead_lettered') await api.system.acknowledgeAlert(alert.id, { by: 'Mara' });
  }
  await api.system.createSilence({
    matchers: [{ name: 'worker', op: '=', value: 'gpu-eu-07' }],
    comment: 'Its GPU is being replaced; ticket 4711',
    created_by: 'Jonas',
    ends_at: '2026-11-27T18:00:00Z',
  });
}

async function openEngine(store: ObjectStore, clock: StandingClock, random: () => number) {
  const settings = forStore(readSettings({}, {}), { shared: false });
  const routing: Routing = {
    routes: [{ ...ROUTE_DEFAULTS, notify: ['ops'] }],
    notifiers: new Set(['ops', 'oncall']),
  };
  const engine = await Engine.open({
    ...settings,
    policy: { ...settings, alerts: defaultRules(), routing, policies: defaultPolicies() },
    store,
    clock,
    random: { float: random },
    newId: newUlid,
    instance: 'history',
    url: 'http://127.0.0.1',
    soft_linger_ms: 20,
    tail_poll_ms: null,
    log: () => {},
  });
  let sent = 0;
  const sender = new NoticeSender({
    engine,
    clock,
    random: { float: random },
    sole: true,
    newId: newUlid,
    log: () => {},
    async deliver() {
      sent += 1;
      if (sent % 7 === 3) throw new NotifierError('https://desk.example.com responded 503', { status: 503 });
      if (sent % 31 === 30) throw new NotifierError('https://desk.example.com responded 410', { permanent: true });
    },
  });
  sender.start();
  const stop = async () => {
    await sender.stop();
    await engine.stop();
  };
  return { engine, stop };
}

/** Real recordings with real transcripts, to play. */
async function transcribeExamples(
  port: FleetPort,
  { store, clock, engine }: { store: ObjectStore; clock: StandingClock; engine: Engine },
): Promise<string[]> {
  const uploads = new Uploads({
    store,
    settings: { upload_bytes_max: 1e9, uploads_at_once: 4 },
    now: () => clock.now(),
  });
  const large = new LargeWork(clock);
  const ids: string[] = [];
  const worker = 'studio-01';
  await port.register(worker, {
    capabilities: { model: 'tiny.en', device: 'cpu' },
    location: { instance_type: 't3.large' },
  });
  for (const name of ['house-viewing', 'lost-keys', 'broken-computer']) {
    const bytes = await readFile(new URL(`${name}.wav`, AUDIO));
    const text = (await readFile(new URL(`${name}.txt`, AUDIO), 'utf8')).trim();
    const upload = await uploads.create({
      stream: Readable.from([bytes]),
      file_name: async () => `${name}.wav`,
      key: null,
    });
    const duration = (bytes.length - 44) / 32_000;
    const [job_id] = await port.submit([
      { audio_url: upload.audio_url, duration_seconds: duration, priority: 'high', tags: ['examples', 'en'] },
    ]);
    await uploads.use(upload.upload_id, [job_id!]);
    const held = await port.claim(worker);
    if (held?.job_id !== job_id) continue;
    await port.progress(held!, { percentage: 40, stage: 'transcribing', current_chunk: 2, total_chunks: 5 });
    await clock.turnTo(clock.now() + 8_000);
    const { already_there: _, ...output } = await keepTranscript(
      { store, large },
      engine.state.job(job_id!)!,
      transcriptOf(text, duration),
    );
    await port.complete(held!, output);
    ids.push(job_id!);
  }
  await port.terminate(worker);
  return ids;
}

/** Sentences, with times in proportion to their lengths. */
function transcriptOf(text: string, duration: number) {
  const sentences = text.match(/[^.?!]+[.?!]*\s*/g) ?? [text];
  let at = 0;
  const segments = sentences.map((sentence, id) => {
    const length = (duration * sentence.length) / text.length;
    const confidence = id % 5 === 3 ? 0.47 : 0.93;
    const segment = {
      id,
      start_seconds: round(at),
      end_seconds: round(at + length),
      text: sentence.trim(),
      confidence,
    };
    at += length;
    return segment;
  });
  return { text, language: 'en', duration_seconds: duration, engine: 'faster-whisper tiny.en', segments };
}

const round = (seconds: number): number => Math.round(100 * seconds) / 100;

/** Takes every notification. */
async function startReceiver(t: Cleaning): Promise<string> {
  const server = createServer((request, response) => {
    request.resume();
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { listen: { type: 'string', default: '127.0.0.1:8090' }, seed: { type: 'string', default: '7' } },
  });
  const cleaning: (() => void | Promise<void>)[] = [];
  const began = performance.now();
  const { url } = await openBusyFleet(
    { after: (run) => void cleaning.unshift(run) },
    { seed: Number(values.seed), listen: values.listen },
  );
  console.log(`${url}, made in ${((performance.now() - began) / 1000).toFixed(1)} s; its time is ${END}`);
  process.once('SIGINT', async () => {
    for (const clean of cleaning) await clean();
    process.exit(0);
  });
}
