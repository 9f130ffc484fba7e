/**
 * Many subscribers of a WebSocket broadcast in one process: `node subscribers.ts URL COUNT SUBSCRIPTION`. They scan
 * frames and count; parsing each message a thousand times here would measure the clients. SUBSCRIPTION is the first
 * message of each, whose one reply is not counted; empty if none is needed.
 */
import { connect, type Socket } from 'node:net';
import { argv, cpuUsage } from 'node:process';

export type SubscribersOrder =
  /** Start counting; report each time all have `mark` more, and once all have `messages`. */
  | { do: 'count'; messages: number; mark: number }
  /** This many send the same requests as the stalled ones, and read the replies. */
  | { do: 'ask'; count: number }
  /** This many stop reading, with more data on the way than the system buffers. */
  | { do: 'stall'; count: number }
  /** Those are replaced by new ones. */
  | { do: 'replace' }
  | { do: 'end' };

export type SubscribersMessage =
  | { type: 'ready' }
  | { type: 'all'; messages: number }
  | {
      type: 'counted';
      /** Deliveries to readers: how many took so many ms, from the message's own time to its arrival. */
      latencies: number[];
      cpu_ms: number;
      /** One of each message. */
      texts: string[];
    };

const [, , url = '', count = '', subscription = ''] = argv;
const { hostname, port } = new URL(url);
/**
 * Requested by a subscriber that will not read the replies, about 400 kB each: the system buffers the first megabytes
 * of them.
 */
const FILLING = 14;
const ANSWER_START = '{"type":"answer"';
const LATENCY_MS_MAX = 20_000;
const report = (message: SubscribersMessage) => process.send!(message);
const buffer = Buffer.alloc(256 * 1024);

/** The count of one turn, for all. */
const turn = { messages: 0, mark: 1, reached: [] as number[], at_ms: [] as number[], texts: [] as string[] };
let latencies = new Array<number>(LATENCY_MS_MAX).fill(0);
let readers: Subscriber[] = [];
let stalled: Subscriber[] = [];
let cpu = cpuUsage();

class Subscriber {
  readonly ready: Promise<void>;
  count = 0;
  readonly #socket: Socket;
  #ready: () => void = () => {};
  #upgraded = false;
  #counts = subscription === '';
  /** The beginning of an incomplete frame. */
  #rest: Buffer | null = null;
  stalled = false;
  /** Replies that it waits for. */
  #pending = 0;
  #onAllRead: () => void = () => {};

  constructor() {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.ready = promise;
    this.#ready = resolve;
    const onread = {
      buffer,
      callback: (length: number) => {
        this.#take(buffer.subarray(0, length));
        return true;
      },
    };
    this.#socket = connect({ host: hostname, port: Number(port), onread } as never);
    this.#socket.on('error', reject);
    this.#socket.on('close', () => {
      reject(new Error('the server has closed the connection'));
      if (!this.stalled) throw new Error(`a subscriber was disconnected after ${this.count} messages`);
    });
    this.#socket.write(
      `GET /ws HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
  }

  /** Stops reading, and requests more than fits on the way. */
  stall(): void {
    this.stalled = true;
    this.#socket.pause();
    void this.ask();
  }

  /** Resolves when everything has been read, if it reads. */
  ask(): Promise<void> {
    this.#pending = FILLING;
    const all_read = new Promise<void>((resolve) => {
      this.#onAllRead = resolve;
    });
    for (let n = 0; n < FILLING; n += 1)
      this.#send(JSON.stringify({ action: 'call', id: `${n}`, operation: 'jobs.list', query: { limit: 300 } }));
    return all_read;
  }

  end(): void {
    this.stalled = true;
    this.#socket.destroy();
  }

  #send(text: string, opcode = 1): void {
    const payload = Buffer.from(text);
    // Masked with zeros.
    const head =
      payload.length < 126 ? [0x80 | payload.length] : [0x80 | 126, payload.length >> 8, payload.length & 255];
    this.#socket.write(Buffer.concat([Buffer.from([0x80 | opcode, ...head, 0, 0, 0, 0]), payload]));
  }

  #take(read: Buffer): void {
    let bytes = this.#rest ? Buffer.concat([this.#rest, read]) : read;
    this.#rest = null;
    if (!this.#upgraded) {
      const end = bytes.indexOf('\r\n\r\n');
      if (end >= 0) {
        this.#upgraded = true;
        bytes = bytes.subarray(end + 4);
        if (subscription === '') this.#ready();
        else this.#send(subscription);
      }
    }
    let at = 0;
    while (this.#upgraded && at + 2 <= bytes.length) {
      const short = bytes[at + 1]! & 127;
      const start = at + (short < 126 ? 2 : short === 126 ? 4 : 10);
      if (start > bytes.length) break;
      const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : bytes.readUIntBE(at + 4, 6);
      if (start + length > bytes.length) break;
      const opcode = bytes[at]! & 15;
      if (opcode === 1) this.#hear(bytes, start, start + length);
      else if (opcode === 9) this.#send(bytes.toString('latin1', start, start + length), 10);
      at = start + length;
    }
    if (at < bytes.length) this.#rest = Buffer.from(bytes.subarray(at));
  }

  #hear(bytes: Buffer, start: number, end: number): void {
    if (this.#pending > 0 && bytes.toString('latin1', start, start + ANSWER_START.length) === ANSWER_START) {
      this.#pending -= 1;
      if (this.#pending === 0) this.#onAllRead();
      return;
    }
    if (!this.#counts) {
      this.#counts = true;
      return this.#ready();
    }
    const nth = this.count++;
    if (nth === turn.at_ms.length) {
      const text = bytes.toString('utf8', start, end);
      turn.texts.push(text);
      turn.at_ms.push(Date.parse((JSON.parse(text) as { at: string }).at));
    }
    const late_ms = Math.max(0, Math.min(LATENCY_MS_MAX - 1, Math.round(now() - turn.at_ms[nth]!)));
    latencies[late_ms]! += 1;
    if (this.count % turn.mark !== 0) return;
    const mark = this.count / turn.mark;
    turn.reached[mark] = (turn.reached[mark] ?? 0) + 1;
    if (turn.reached[mark] === readers.length) reached(this.count);
  }
}

const now = (): number => performance.timeOrigin + performance.now();

function reached(messages: number): void {
  report({ type: 'all', messages });
  if (messages !== turn.messages) return;
  const used = cpuUsage(cpu);
  report({ type: 'counted', latencies, cpu_ms: (used.user + used.system) / 1000, texts: turn.texts });
}

async function obey(order: SubscribersOrder): Promise<void> {
  switch (order.do) {
    case 'count':
      Object.assign(turn, { messages: order.messages, mark: order.mark, reached: [], at_ms: [], texts: [] });
      latencies = new Array<number>(LATENCY_MS_MAX).fill(0);
      for (const reader of readers) reader.count = 0;
      cpu = cpuUsage();
      break;
    case 'ask':
      await Promise.all(readers.slice(0, order.count).map((one) => one.ask()));
      break;
    case 'stall':
      stalled = readers.splice(0, order.count);
      for (const one of stalled) one.stall();
      break;
    case 'replace': {
      for (const one of stalled) one.end();
      const others = stalled.map(() => new Subscriber());
      await Promise.all(others.map(({ ready }) => ready));
      readers.push(...others);
      stalled = [];
      break;
    }
    case 'end':
      for (const one of [...readers, ...stalled]) one.end();
      process.disconnect?.();
      return;
  }
  report({ type: 'ready' });
}

process.on('message', (order: SubscribersOrder) => void obey(order));
process.on('disconnect', () => process.exit());
for (let left = Number(count); left > 0; left -= 100) {
  // Not all at once: a server's backlog of new connections is short.
  const some = Array.from({ length: Math.min(100, left) }, () => new Subscriber());
  await Promise.all(some.map(({ ready }) => ready));
  readers = [...readers, ...some];
}
report({ type: 'ready' });
