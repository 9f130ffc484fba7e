/**
 * The seeded history of a busy fleet: a week of small days, then this morning: 16 workers from 05:30, 42 from 10:00, and more jobs
 * than they can take from 11:28. It ends with something of everything: two lost workers, a hung job, a slow one, a blocked one, a
 * worker on its way out, one with a full disk, one without its GPU, dead letters, and a queue that grows.
 */
import type { JobSubmission } from '../../protocol/job.ts';
import { Chance } from '../verdicts/chance.ts';
import { CPU, EAST, EUROPE, FAILURES, type Kind, LONG_NAME, SERIES, WEST } from './fleet-names.ts';
import type { FleetPort, Held } from './fleet-ports.ts';
import type { StandingClock } from './standing-clock.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Reports fall on multiples of it, so that many of them share a segment. */
const GRID_MS = 2 * SECOND;
const JOBS = 1_000;
const BEAT_MS = 30 * SECOND;
/** A recording so long that its slow job runs beyond the end. */
const SLOW_AUDIO_SECONDS = 4_500;

type Worker = {
  id: string;
  kind: Kind;
  alive: boolean;
  /** A worker that is away sends nothing any more. */
  away: boolean;
  job: Work | null;
  /** Why it takes no jobs. */
  trouble: string | null;
  disk: number;
  next_beat_ms: number;
};
type Work = Held & { audio: number; stuck: boolean };
type Recording = { audio: number; submission: JobSubmission };
type Item = { at_ms: number; run: () => Promise<unknown> | undefined };

/** Minutes of today at which something happens; the end is 11:42. */
const AT = { open: 330, crowd: 600, overload: 688, hang: 693, slow: 684, lost: 700, interrupted: 701, end: 702 };

export type FleetHistoryOptions = { seed: number; clock: StandingClock; end_ms: number };

export class FleetHistory {
  readonly #chance: Chance;
  readonly #clock: StandingClock;
  readonly #today_ms: number;
  readonly #workers = new Map<string, Worker>();
  readonly #recordings = new Map<string, Recording>();
  /** The next one is the last; of those at the same time, the first that was added. */
  readonly #items: Item[] = [];
  #left = JOBS;
  #port!: FleetPort;
  #named = new Map<string, number>();
  #hang: string | null = null;
  #slow: string | null = null;

  constructor({ seed, clock, end_ms }: FleetHistoryOptions) {
    this.#chance = new Chance(seed);
    this.#clock = clock;
    this.#today_ms = end_ms - AT.end * MINUTE;
    for (let day = 6; day >= 1; day--) this.#planDay(this.#today_ms - day * DAY);
    this.#planToday();
  }

  static startOf(end_ms: number): number {
    return end_ms - AT.end * MINUTE - 6 * DAY;
  }

  get now_ms(): number {
    return this.#clock.now();
  }

  /** The job that hangs at the end. */
  get hung(): string | null {
    return this.#hang;
  }

  jobs(): IterableIterator<string> {
    return this.#recordings.keys();
  }

  /** Everything until then, through this port. */
  async play(port: FleetPort, until_ms: number): Promise<void> {
    this.#port = port;
    for (;;) {
      const next = this.#items.at(-1);
      if (next === undefined || next.at_ms > until_ms) break;
      this.#items.pop();
      await this.#clock.turnTo(Math.max(next.at_ms, this.now_ms));
      await next.run();
    }
    await this.#clock.turnTo(until_ms);
  }

  #at(at_ms: number, run: Item['run']): void {
    const item = { at_ms: Math.ceil(at_ms / GRID_MS) * GRID_MS, run };
    let [low, high] = [0, this.#items.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#items[middle]!.at_ms > item.at_ms) low = middle + 1;
      else high = middle;
    }
    this.#items.splice(low, 0, item);
  }

  #after(seconds: number, run: Item['run']): void {
    this.#at(this.now_ms + seconds * SECOND, run);
  }

  // Days ------------------------------------------------------------------------------------------------------------

  #planDay(start_ms: number): void {
    const weekend = [0, 6].includes(new Date(start_ms).getUTCDay());
    const workers: Worker[] = [];
    this.#at(start_ms + 7 * HOUR, async () => {
      const kinds = weekend ? [EAST, WEST] : [EAST, EAST, EAST, WEST, WEST, EUROPE, EUROPE, CPU];
      for (const kind of kinds) workers.push(await this.#arrive(kind, `${kind.name}-${this.#hex()}`));
    });
    for (let i = 0; i < (weekend ? 9 : 34); i++) {
      this.#at(start_ms + this.#chance.between(7.1, 17.5) * HOUR, () => this.#submit(1));
    }
    for (let hour = 7.5; hour < 20; hour += 0.5) this.#at(start_ms + hour * HOUR, () => this.#port.tick());
    this.#at(start_ms + 19.5 * HOUR, async () => {
      for (const worker of workers) await this.#leave(worker);
    });
  }

  #planToday(): void {
    const at = (minute: number, run: Item['run']) => this.#at(this.#today_ms + minute * MINUTE, run);
    const arrive = async (kind: Kind, count: number) => {
      for (let i = 0; i < count; i++) await this.#arrive(kind);
    };
    at(AT.open, async () => {
      await arrive(EAST, 8);
      await arrive(WEST, 4);
      await arrive(EUROPE, 2);
      await arrive(CPU, 2);
    });
    at(AT.crowd, async () => {
      await arrive(EAST, 7);
      await arrive(WEST, 6);
      await arrive(EUROPE, 8);
      await arrive(CPU, 4);
      await this.#arrive(EAST, 'batch-transcriber-prod-us-east-1b-spot-fleet-0042-canary');
    });
    for (let minute = AT.open; minute <= AT.end; minute += 1 / 6) at(minute, () => this.#beatAll());
    this.#arrivals(AT.open + 1, AT.crowd, 1.6);
    this.#arrivals(AT.crowd, AT.overload, 2.9);
    at(AT.overload, () => this.#submit(45));
    at(AT.overload - 3, () => this.#submitExpired());
    this.#arrivals(AT.overload + 0.2, AT.end - 0.2, 9);
    at(AT.end - 0.1, () => this.#submit(this.#left));
    at(AT.crowd + 2, async () => this.#trouble('gpu-eu-07', 'the GPU has fallen off the bus (Xid 79)'));
    at(AT.crowd + 45, async () => {
      const worker = this.#workers.get('gpu-eu-04');
      if (worker) worker.disk = 97.2;
    });
    at(AT.hang, async () => this.#hangSomething());
    at(AT.lost, async () => this.#lose('gpu-west-03'));
    at(AT.lost + 0.2, async () => this.#lose('gpu-west-09'));
    at(AT.interrupted, () => this.#port.drain('gpu-east-13', 'spot interruption at 11:43 UTC'));
  }

  /** `rate` jobs a minute. */
  #arrivals(from: number, until: number, rate: number): void {
    for (let minute = from; minute < until; minute += this.#chance.between(0.2, 1.8) / rate) {
      this.#at(this.#today_ms + minute * MINUTE, () => this.#submit(1));
    }
  }

  // Jobs ------------------------------------------------------------------------------------------------------------

  async #submit(count: number): Promise<void> {
    const recordings = Array.from({ length: Math.min(count, this.#left) }, () => this.#recording());
    if (recordings.length === 0) return;
    this.#left -= recordings.length;
    const ids = await this.#port.submit(recordings.map(({ submission }) => submission));
    for (const [i, id] of ids.entries()) {
      this.#recordings.set(id, recordings[i]!);
      if (this.#chance.happens(0.015)) this.#after(this.#chance.between(2, 90), () => this.#cancel(id));
    }
    await this.#wake();
  }

  /** Its URL has expired before a worker came to it. */
  async #submitExpired(): Promise<void> {
    const query = 'X-Amz-Date=20261127T102600Z&X-Amz-Expires=3600&X-Amz-Signature=0f3a';
    const audio_url = `https://acme-audio.s3.us-east-1.amazonaws.com/late/late-delivery-7.wav?${query}`;
    const submission = { audio_url, duration_seconds: 2_400, priority: 'low' as const, tags: ['court'] };
    const [id] = await this.#port.submit([submission]);
    this.#left -= 1;
    this.#recordings.set(id!, { audio: 2_400, submission });
  }

  async #cancel(id: string): Promise<void> {
    await this.#port.cancel(id).catch(() => undefined);
  }

  #recording(): Recording {
    const chance = this.#chance;
    const { folder, tags, names } = chance.one(SERIES);
    const number = 100 + this.#count(folder);
    const long = number % 100 === 41;
    const name = long ? LONG_NAME : chance.one(names).replace('#', String(number)).replace('@', '2026-11-27');
    const audio = Math.round(Math.min(4 * 3600, chance.logNormal(2_700, 0.55)));
    const webhook = this.now_ms < this.#today_ms + 9.5 * HOUR && chance.happens(0.12);
    return {
      audio,
      submission: {
        audio_url: `s3://acme-audio/2026/11/${folder}/${name}`,
        duration_seconds: audio,
        file_size_bytes: Math.round(audio * chance.one([8_000, 16_000, 32_000])),
        tags: [...tags],
        priority: chance.happens(0.1) ? 'high' : chance.happens(0.12) ? 'low' : 'normal',
        ...(chance.happens(0.3)
          ? { metadata: { customer: chance.one(['acme', 'northwind', 'Weiß & Söhne GmbH']) } }
          : {}),
        ...(webhook ? { webhook_url: 'https://desk.example.com/hooks/transcribed' } : {}),
      },
    };
  }

  #count(name: string): number {
    const count = (this.#named.get(name) ?? 0) + 1;
    this.#named.set(name, count);
    return count;
  }

  #hex(): string {
    return Math.floor(this.#chance.between(0x1000, 0xffff)).toString(16);
  }

  // Workers ---------------------------------------------------------------------------------------------------------

  async #arrive(kind: Kind, id = `${kind.name}-${String(this.#count(kind.name)).padStart(2, '0')}`): Promise<Worker> {
    const { model, device, batch_size, instance_type, region, price } = kind;
    const disk = this.#chance.between(18, 55);
    const worker: Worker = { id, kind, alive: true, away: false, job: null, trouble: null, disk, next_beat_ms: 0 };
    this.#workers.set(id, worker);
    await this.#port.register(id, {
      instance_id: `i-0${this.#hex()}${this.#hex()}${this.#hex()}`,
      capabilities: { model, device, gpu_optimized: device === 'cuda', batch_size },
      location: {
        region,
        availability_zone: `${region}${this.#chance.one(['a', 'b'])}`,
        instance_type,
        spot_price: price,
      },
    });
    await this.#beat(worker);
    await this.#claim(worker);
    return worker;
  }

  async #leave(worker: Worker): Promise<void> {
    worker.alive = false;
    worker.job = null;
    await this.#port.terminate(worker.id);
  }

  #trouble(id: string, trouble: string): undefined {
    const worker = this.#workers.get(id);
    if (worker) worker.trouble = trouble;
  }

  #lose(id: string): undefined {
    const worker = this.#workers.get(id);
    if (worker) worker.away = true;
  }

  #hangSomething(): undefined {
    for (const id of ['gpu-west-05', 'gpu-west-06', 'gpu-east-05', 'gpu-east-06', 'gpu-east-07']) {
      const { job } = this.#workers.get(id) ?? {};
      if (!job) continue;
      job.stuck = true;
      this.#hang = job.job_id;
      return;
    }
  }

  async #beatAll(): Promise<void> {
    const due = [...this.#workers.values()].filter((worker) => worker.next_beat_ms <= this.now_ms);
    await Promise.all(due.map((worker) => this.#beat(worker)));
    await this.#port.tick();
  }

  async #beat(worker: Worker): Promise<void> {
    if (!worker.alive || worker.away) return;
    worker.next_beat_ms = this.now_ms + BEAT_MS * this.#chance.between(0.8, 1);
    const { job, kind, trouble, disk } = worker;
    const chance = this.#chance;
    const works = job !== null && !job.stuck;
    const gpu = trouble || !works ? 0 : chance.between(58, 98);
    const health = {
      cpu_usage: round(works ? chance.between(30, kind.device === 'cpu' ? 98 : 62) : chance.between(1, 6)),
      memory_usage: round(works ? chance.between(48, 71) : chance.between(22, 30)),
      gpu_usage: kind.device === 'cpu' ? null : round(gpu),
      disk_usage: round(disk + chance.between(0, 1)),
      ...(trouble === null ? {} : { status: 'DEGRADED' as const, reason: trouble }),
    };
    await this.#port.beat(worker.id, health, job === null ? [] : [job.token]);
  }

  /** Idle workers look for jobs. */
  async #wake(): Promise<void> {
    const workers = [...this.#workers.values()];
    const first = this.#chance.whole(0, workers.length);
    for (const worker of [...workers.slice(first), ...workers.slice(0, first)]) {
      if (worker.job === null) await this.#claim(worker);
    }
  }

  async #claim(worker: Worker): Promise<void> {
    if (!worker.alive || worker.away || worker.trouble !== null || worker.job !== null) return;
    const held = await this.#port.claim(worker.id);
    if (held === null) return;
    const { audio } = this.#recordings.get(held.job_id)!;
    worker.job = { ...held, audio, stuck: false };
    await this.#work(worker, worker.job);
  }

  // Work ------------------------------------------------------------------------------------------------------------

  async #work(worker: Worker, work: Work): Promise<void> {
    const chance = this.#chance;
    const { kind } = worker;
    const usual = kind.factor * chance.logNormal(1, 0.07);
    const slow = kind === EAST && this.#slow === null && this.now_ms > this.#today_ms + AT.slow * MINUTE;
    if (slow && work.audio > SLOW_AUDIO_SECONDS) this.#slow = work.job_id;
    const factor = this.#slow === work.job_id ? usual / 3.1 : usual;
    const chunks = Math.max(8, Math.min(40, Math.round(work.audio / 150)));
    const failure = this.#slow !== work.job_id && chance.happens(0.055) ? this.#failure() : null;
    const fails_at = failure
      ? failure.error.code.startsWith('audio') || failure.error.code === 'not_audio'
        ? 0
        : chance.whole(1, chunks - 1)
      : null;
    const goesOn = () => worker.job === work && worker.alive && !worker.away && !work.stuck;
    const step = async (chunk: number): Promise<void> => {
      if (!goesOn()) return;
      if (failure && chunk === fails_at) return this.#end(worker, () => this.#port.fail(work, failure));
      if (chunk > chunks) return this.#end(worker, () => this.#port.complete(work, this.#output(work)));
      await this.#report(worker, work, {
        percentage: Math.round((1000 * chunk) / chunks) / 10,
        stage: 'transcribing',
        current_chunk: chunk,
        total_chunks: chunks,
      });
      const seconds =
        chunk === chunks ? chance.logNormal(3, 0.3) : (work.audio / chunks / factor) * chance.logNormal(1, 0.12);
      this.#after(seconds, () => step(chunk + 1));
    };
    await this.#report(worker, work, { percentage: 0, stage: 'downloading' });
    this.#after(chance.logNormal(9, 0.4), () => step(0));
  }

  async #report(worker: Worker, work: Work, report: Parameters<FleetPort['progress']>[1]): Promise<void> {
    await this.#port.progress(work, report).catch(() => {
      // It was cancelled.
      if (worker.job === work) worker.job = null;
    });
    if (worker.job === null) this.#after(2, () => this.#claim(worker));
  }

  async #end(worker: Worker, report: () => Promise<unknown>): Promise<void> {
    await report().catch(() => undefined);
    worker.job = null;
    await this.#claim(worker);
    // A failed job may be claimed again after its delay.
    this.#after(20, () => this.#wake());
  }

  #failure() {
    let at = this.#chance.between(0, 100);
    for (const { weight, failure } of FAILURES) {
      at -= weight;
      if (at <= 0) return failure;
    }
    return null;
  }

  #output({ job_id, audio }: Work) {
    const suspect = this.#chance.happens(0.02);
    return {
      s3_path: `s3://acme-transcripts/2026/11/${job_id}.json`,
      segments_count: Math.round(audio / this.#chance.between(5, 8)),
      confidence_score: Math.round(1000 * (suspect ? 0.41 : this.#chance.between(0.84, 0.97))) / 1000,
      ...(suspect
        ? { suspect, warnings: [{ code: 'repetition', message: 'the same 4 words 61 times in a row, from 12:40' }] }
        : {}),
    };
  }
}

const round = (value: number): number => Math.round(10 * value) / 10;
