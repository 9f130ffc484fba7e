/**
 * Clients of the monitor over WebSockets: each step is a separate call, completed before the same client's next.
 *
 * They share one connection, as those of BullMQ do, on which all calls are pipelined, and the calls of one turn of the
 * event loop are sent as one list, as the SDK does. With `apart` each client has its own connection, like workers on 64
 * machines.
 */
import { WebSocket } from 'ws';
import {
  AUDIO_URL,
  DURATION_SECONDS,
  type HeldJob,
  type LifecycleClient,
  SEGMENTS,
  STEPS,
  serveWork,
  TRANSCRIPT_URL,
} from './client.ts';

type CallAnswer = { type: string; id: string; status: number; body: unknown };
type Claimed = { jobs: { job: { job_id: string }; lease: { token: string } }[] };

const submission = { audio_url: AUDIO_URL, duration_seconds: DURATION_SECONDS };
const output = { s3_path: TRANSCRIPT_URL, segments_count: SEGMENTS };

/** The monitor accepts 64 KiB. */
const FRAME_MAX = 60_000;

/** One WebSocket, and its pending calls. */
class Connection {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<string, (reply: CallAnswer) => void>();
  #last = 0;
  #leaving: string[] = [];

  static async open(url: string): Promise<Connection> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`, { perMessageDeflate: false });
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    return new Connection(socket);
  }

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (text: Buffer) => {
      const received = JSON.parse(text.toString()) as CallAnswer | CallAnswer[];
      for (const reply of Array.isArray(received) ? received : [received]) this.#settle(reply);
    });
  }

  #settle(reply: CallAnswer): void {
    const resolve = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (reply.type !== 'answer' || !resolve) throw new Error(`not the answer to a call: ${JSON.stringify(reply)}`);
    resolve(reply);
  }

  #leave(): void {
    const calls = this.#leaving;
    this.#leaving = [];
    for (let from = 0; from < calls.length; ) {
      let to = from + 1;
      let characters = calls[from]!.length;
      while (to < calls.length && characters + calls[to]!.length < FRAME_MAX) characters += calls[to++]!.length + 1;
      this.#socket.send(to - from === 1 ? calls[from]! : `[${calls.slice(from, to).join(',')}]`);
      from = to;
    }
  }

  call(operation: string, params: object, body: unknown): Promise<CallAnswer> {
    this.#last += 1;
    const id = `${this.#last}`;
    if (this.#leaving.length === 0) process.nextTick(() => this.#leave());
    this.#leaving.push(JSON.stringify({ action: 'call', id, operation, params, body }));
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  close(): void {
    this.#socket.close();
  }
}

await serveWork(async (url, clients) => {
  const apart = process.argv.includes('apart');
  const connections = await Promise.all(Array.from({ length: apart ? clients : 1 }, () => Connection.open(url)));
  const of = (client: number) => connections[client % connections.length]!;

  const workers = Array.from({ length: clients }, (_, client) => ({ worker_id: `worker-bench-${client}` }));
  const all = (operation: string, body: object) =>
    Promise.all(workers.map((worker, client) => of(client).call(operation, worker, body)));
  await all('workers.register', { capabilities: { model: 'large-v3' } });

  const hold = async (client: number): Promise<HeldJob> => {
    const connection = of(client);
    await connection.call('jobs.submit', {}, submission);
    const { body } = await connection.call('workers.claim', workers[client]!, { max_jobs: 1, wait_seconds: 0 });
    const [job] = (body as Claimed).jobs;
    if (!job) throw new Error('a job was submitted, and none could be claimed');
    const params = { job_id: job.job.job_id };
    const lease_token = job.lease.token;
    return {
      update: (step) =>
        connection.call('jobs.reportProgress', params, {
          lease_token,
          percentage: step * STEPS,
          stage: 'TRANSCRIBING',
          current_chunk: step,
          total_chunks: STEPS,
        }),
      complete: () => connection.call('jobs.complete', params, { lease_token, output }),
    };
  };

  const report = async (client: number, { jobs }: Claimed, event: object) => {
    const lines = jobs.map(({ job, lease }) =>
      JSON.stringify({ ...event, job_id: job.job_id, lease_token: lease.token }),
    );
    const { body } = await of(client).call('events.report', {}, lines.join('\n'));
    const { accepted } = body as { accepted: number };
    if (accepted !== jobs.length) throw new Error(`only ${accepted} of ${jobs.length} lines were accepted`);
  };

  const client: LifecycleClient = {
    // Servers are paused between turns, and a worker silent for 90 s loses its jobs.
    async begin() {
      await all('workers.heartbeat', {});
    },
    async lifecycle(number) {
      const job = await hold(number);
      for (let step = 1; step <= STEPS; step++) await job.update(step);
      await job.complete();
    },
    hold,
    async batch(number, size) {
      await of(number).call('jobs.submitBatch', {}, { jobs: Array(size).fill(submission) });
      const { body } = await of(number).call('workers.claim', workers[number]!, { max_jobs: size, wait_seconds: 0 });
      const claimed = body as Claimed;
      if (claimed.jobs.length !== size) throw new Error(`of ${size} jobs ${claimed.jobs.length} could be claimed`);
      for (let step = 1; step <= STEPS; step++) {
        const chunks = { current_chunk: step, total_chunks: STEPS };
        await report(number, claimed, {
          event: 'JOB_PROGRESS',
          percentage: step * STEPS,
          stage: 'TRANSCRIBING',
          ...chunks,
        });
      }
      await report(number, claimed, { event: 'JOB_COMPLETE', s3_path: TRANSCRIPT_URL, segments: SEGMENTS });
    },
    async submit(number) {
      await of(number).call('jobs.submit', {}, submission);
    },
    async close() {
      for (const connection of connections) connection.close();
    },
  };
  return client;
});
