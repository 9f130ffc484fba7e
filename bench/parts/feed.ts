/**
 * The live feed beside a bare `ws` broadcast of the same messages: deliveries a second to many subscribers, their
 * latency, the effect of 50 stalled subscribers on the others, and the memory of an idle connection.
 *
 * Both are driven alike: a request makes a number of messages (new jobs there, the bytes themselves here), and no more
 * than `MESSAGES_AHEAD` are on their way to the last of the subscribers. They take turns; the process of the other side
 * is stopped. Ten jobs of a request are sent in one piece; with one job per request, only those of one commit are.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { SubscribersMessage, SubscribersOrder } from '../clients/subscribers.ts';
import { startMonitorProcess } from '../servers/monitor.ts';
import {
  freePort,
  inFolder,
  type RunningServer,
  residentBytes,
  served,
  startProgram,
  untilReady,
} from '../servers/server.ts';
import { median } from '../statistics.ts';

export type FeedTurn = {
  round: number;
  side: 'monitor' | 'monitor, same requests' | 'monitor, some stalled' | 'ws';
  jobs_per_request: number;
  deliveries_per_second: number;
  /**
   * From the message's own time (the monitor: when it was decided, before its commit; `ws`: when it was sent) to its
   * arrival.
   */
  p50_ms: number;
  p99_ms: number;
  /** CPU per delivery, µs. */
  server_cpu_us: number;
  clients_cpu_us: number;
};

export type FeedFigures = {
  subscribers: number;
  stalled: number;
  messages: number;
  bytes_per_message: number;
  turns: FeedTurn[];
  /** Medians of the rounds. */
  monitor_per_second: number;
  ws_per_second: number;
  ratio: number;
  /** With one job per request. */
  lone_monitor_per_second: number;
  lone_ratio: number;
  p99_ms: number;
  ws_p99_ms: number;
  /** The median, over the pairs, of the relative change of the others' p99: 0.1 is 10 % more. */
  stalled_p99_change: number;
  idle_bytes: number;
  ws_idle_bytes: number;
};

/** Of a turn. */
const MESSAGES = 600;
const MESSAGES_AHEAD = 40;
/**
 * Pairs of turns per round, with and without stalled readers, whose effect is small beside other activity on a machine.
 */
const PAIRS = 3;
/** A new job makes two messages: SUBMITTED, QUEUED. */
const MESSAGES_PER_JOB = 2;
const STALLED = 50;
const SUBSCRIBE = JSON.stringify({ action: 'subscribe', resource: 'jobs' });

type Side = {
  server: RunningServer;
  subscribers: Subscribers;
  idle_bytes: number;
  /** Makes the messages of request number `n`, each with `jobs` jobs. */
  post(n: number, jobs: number): Promise<void>;
};

export async function measureFeed(
  folder: string,
  { subscribers, rounds }: { subscribers: number; rounds: number },
  say: (line: string) => void,
): Promise<FeedFigures> {
  return inFolder(folder, async (own) => {
    const texts: string[] = [];
    const monitor = await startSide(await startMonitorProcess(own), {
      subscribers,
      subscription: SUBSCRIBE,
      post: submit,
    });
    try {
      const ws = await startSide(await startBare(), {
        subscribers,
        subscription: '',
        post: (url, n, jobs) =>
          postTo(url, texts.slice(n * jobs * MESSAGES_PER_JOB, (n + 1) * jobs * MESSAGES_PER_JOB)),
      });
      try {
        const turns = await takeTurns({ monitor, ws, texts, subscribers, rounds, say });
        return summarise(turns, {
          subscribers,
          bytes_per_message: Math.round(Buffer.byteLength(texts.join('')) / texts.length),
          idle_bytes: monitor.idle_bytes,
          ws_idle_bytes: ws.idle_bytes,
        });
      } finally {
        await endSide(ws);
      }
    } finally {
      await endSide(monitor);
    }
  });
}

async function takeTurns({
  monitor,
  ws,
  texts,
  subscribers,
  rounds,
  say,
}: {
  monitor: Side;
  ws: Side;
  texts: string[];
  subscribers: number;
  rounds: number;
  say: (line: string) => void;
}): Promise<FeedTurn[]> {
  const turns: FeedTurn[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const plain = (jobs: number) => async () => {
      const turn = await take(monitor, { readers: subscribers, jobs });
      texts.splice(0, texts.length, ...turn.texts);
      return { ...turn, side: 'monitor' as const };
    };
    const bare = (jobs: number) => async () => ({
      ...(await take(ws, { readers: subscribers, jobs })),
      side: 'ws' as const,
    });
    // Stalled readers first request data that they then don't read. Garbage from making it is collected some time
    // later, which costs the others a moment, so the turns for comparison come after the same requests.
    const requesting = async () => {
      monitor.server.resume();
      await monitor.subscribers.order({ do: 'ask', count: STALLED });
      await untilIdle(monitor.server);
      return { ...(await take(monitor, { readers: subscribers, jobs: 10 })), side: 'monitor, same requests' as const };
    };
    const stalled = async () => {
      monitor.server.resume();
      await monitor.subscribers.order({ do: 'stall', count: STALLED });
      // The replies to their requests are on the way, and stay there.
      await untilIdle(monitor.server);
      const turn = await take(monitor, { readers: subscribers - STALLED, jobs: 10 });
      monitor.server.resume();
      await monitor.subscribers.order({ do: 'replace' });
      monitor.server.pause();
      return { ...turn, side: 'monitor, some stalled' as const };
    };
    // Round 0 is for the just-in-time compilers, and gives `ws` its messages.
    const pairs = Array.from({ length: PAIRS }, () => [requesting, stalled]).flat();
    const order = [plain(10), ...pairs, plain(10), bare(10), plain(10), plain(1), bare(1)];
    if (round % 2 === 1) order.reverse();
    for (const one of order) {
      const { texts: _, ...figures } = await one();
      const turn: FeedTurn = { round, ...figures };
      if (round > 0) turns.push(turn);
      const what = round === 0 ? 'warming up' : `round ${round} of ${rounds}`;
      const rate = Math.round(turn.deliveries_per_second).toLocaleString('en');
      say(
        `feed, ${what}: ${turn.side}, ${turn.jobs_per_request} a request: ${rate} deliveries/s, p99 ${turn.p99_ms} ms, ` +
          `CPU µs a delivery: server ${turn.server_cpu_us.toFixed(2)}, clients ${turn.clients_cpu_us.toFixed(2)}`,
      );
    }
  }
  return turns;
}

/** One turn: all messages to all readers. */
async function take(
  { server, subscribers, post }: Side,
  { readers, jobs }: { readers: number; jobs: number },
): Promise<Omit<FeedTurn, 'round' | 'side'> & { texts: string[] }> {
  server.resume();
  const mark = jobs * MESSAGES_PER_JOB;
  await subscribers.order({ do: 'count', messages: MESSAGES, mark });
  const counted = subscribers.counted();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  const server_s = server.cpuSeconds();
  const began_ms = performance.now();
  for (let n = 0; n < MESSAGES / mark; n += 1) {
    await Promise.race([subscribers.allHave((n + 1) * mark - MESSAGES_AHEAD), failed.promise]);
    post(n, jobs).catch(failed.reject);
  }
  const { latencies, cpu_ms, texts } = await Promise.race([counted, failed.promise]);
  const elapsed_ms = performance.now() - began_ms;
  const deliveries = MESSAGES * readers;
  const server_us = (server.cpuSeconds() - server_s) * 1e6;
  server.pause();
  return {
    jobs_per_request: jobs,
    deliveries_per_second: (deliveries / elapsed_ms) * 1000,
    p50_ms: quantileOf(latencies, 0.5),
    p99_ms: quantileOf(latencies, 0.99),
    server_cpu_us: server_us / deliveries,
    clients_cpu_us: (cpu_ms * 1000) / deliveries,
    texts,
  };
}

function summarise(
  turns: FeedTurn[],
  rest: Pick<FeedFigures, 'subscribers' | 'bytes_per_message' | 'idle_bytes' | 'ws_idle_bytes'>,
): FeedFigures {
  const of = (side: FeedTurn['side'], jobs = 10) =>
    turns.filter((turn) => turn.side === side && turn.jobs_per_request === jobs);
  const monitor = of('monitor');
  const ws = of('ws');
  const lone = of('monitor', 1);
  const ratio = (some: FeedTurn[], others: FeedTurn[]) =>
    median(
      some.map((turn) => {
        const other = others.find(({ round }) => round === turn.round)!;
        return turn.deliveries_per_second / other.deliveries_per_second;
      }),
    );
  return {
    ...rest,
    stalled: STALLED,
    messages: MESSAGES,
    turns,
    monitor_per_second: median(monitor.map((turn) => turn.deliveries_per_second)),
    ws_per_second: median(ws.map((turn) => turn.deliveries_per_second)),
    ratio: ratio(monitor, ws),
    lone_monitor_per_second: median(lone.map((turn) => turn.deliveries_per_second)),
    lone_ratio: ratio(lone, of('ws', 1)),
    p99_ms: median(monitor.map((turn) => turn.p99_ms)),
    ws_p99_ms: median(ws.map((turn) => turn.p99_ms)),
    stalled_p99_change:
      median(
        of('monitor, some stalled').map(({ p99_ms }, pair) => p99_ms / of('monitor, same requests')[pair]!.p99_ms),
      ) - 1,
  };
}

async function startSide(
  server: RunningServer,
  {
    subscribers,
    subscription,
    post,
  }: { subscribers: number; subscription: string; post: (url: string, n: number, jobs: number) => Promise<void> },
): Promise<Side> {
  const before = residentBytes(server.pid);
  const connected = await Subscribers.start(server.url, subscribers, subscription);
  const idle_bytes = (residentBytes(server.pid) - before) / subscribers;
  server.pause();
  return { server, subscribers: connected, idle_bytes, post: (n, jobs) => post(server.url, n, jobs) };
}

async function endSide({ server, subscribers }: Side): Promise<void> {
  server.resume();
  await subscribers.end();
  await server.stop();
}

async function startBare(): Promise<RunningServer> {
  const url = `http://127.0.0.1:${await freePort()}`;
  const file = fileURLToPath(new URL('../servers/bare-broadcast.ts', import.meta.url));
  const program = startProgram(process.execPath, { arguments: [file, new URL(url).port] });
  await untilReady(program, async () => (await fetch(url)).ok);
  return served(program, url);
}

const submit = (url: string, _: number, jobs: number): Promise<void> =>
  postTo(`${url}/api/v1/jobs/batch`, {
    jobs: Array.from({ length: jobs }, () => ({ audio_url: 's3://recordings/2025/07/07/interview-0042.mp3' })),
  });

async function postTo(url: string, body: unknown): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url}: ${response.status} ${text}`);
}

/** The process of one side's subscribers. */
class Subscribers {
  readonly #child: ChildProcess;
  readonly #listeners = new Set<(message: SubscribersMessage) => void>();
  #have = 0;

  static async start(url: string, count: number, subscription: string): Promise<Subscribers> {
    const file = fileURLToPath(new URL('../clients/subscribers.ts', import.meta.url));
    const child = fork(file, [url, String(count), subscription], { stdio: ['ignore', 2, 2, 'ipc'] });
    const subscribers = new Subscribers(child);
    await subscribers.#received('ready');
    return subscribers;
  }

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (message: SubscribersMessage) => {
      if (message.type === 'all') this.#have = message.messages;
      for (const listener of [...this.#listeners]) listener(message);
    });
  }

  async order(order: SubscribersOrder): Promise<void> {
    if (order.do === 'count') this.#have = 0;
    const ready = this.#received('ready');
    this.#child.send(order);
    await ready;
  }

  async allHave(messages: number): Promise<void> {
    while (this.#have < messages) await this.#received('all');
  }

  counted(): Promise<Extract<SubscribersMessage, { type: 'counted' }>> {
    return this.#received('counted');
  }

  async end(): Promise<void> {
    if (!this.#child.connected) return;
    const ended = once(this.#child, 'exit');
    this.#child.send({ do: 'end' } satisfies SubscribersOrder);
    const late = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(late);
  }

  #received<T extends SubscribersMessage['type']>(type: T): Promise<Extract<SubscribersMessage, { type: T }>> {
    return new Promise((resolve, reject) => {
      const gone = () => reject(new Error('the subscribers have ended'));
      const listener = (message: SubscribersMessage) => {
        if (message.type !== type) return;
        this.#child.off('exit', gone);
        this.#listeners.delete(listener);
        resolve(message as Extract<SubscribersMessage, { type: T }>);
      };
      this.#child.once('exit', gone);
      this.#listeners.add(listener);
    });
  }
}

/** Resolves once it is idle, or after a minute. */
async function untilIdle(server: RunningServer): Promise<void> {
  for (let second = 0; second < 60; second += 1) {
    const before_s = server.cpuSeconds();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    if (server.cpuSeconds() - before_s < 0.05) return;
  }
}

/** The number of ms below which this `part` of a histogram's values lies. */
function quantileOf(histogram: readonly number[], part: number): number {
  const all = histogram.reduce((sum, count) => sum + count, 0);
  let below = 0;
  return histogram.findIndex((count) => {
    below += count;
    return below >= all * part;
  });
}
