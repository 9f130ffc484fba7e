/**
 * A load that survives every crash: submitters in this process, workers in others, and a record of everything
 * acknowledged.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { TranscriptionAPI } from '../../sdk/typescript/index.ts';
import { waitFor } from '../../sdk/typescript/transport.ts';
import type { Cleaning } from '../processes/tmon.ts';

const LOOPS = fileURLToPath(new URL('./claim-loops.ts', import.meta.url));

type Outcome = { done: string; job_id: string; text?: string; already_there?: boolean };

export class Load {
  /** Acknowledged with 201, by submission. */
  readonly submitted = new Map<number, string>();
  /** The texts that workers know to be stored, by job. */
  readonly stored = new Map<string, string[]>();
  readonly completed: string[] = [];
  /** The transport of newly started workers. */
  transport: 'http' | 'websocket' = 'http';
  /** Responses of any kind so far. */
  responses = 0;
  #broken: Error | null = null;
  readonly #url: string;
  readonly #t: Cleaning;
  readonly #listeners = new Set<() => void>();

  constructor(t: Cleaning, url: string) {
    this.#t = t;
    this.#url = url;
  }

  /** Submits that many jobs, `at_once` concurrently, each with a key that its retries keep. */
  async submit(jobs: number, at_once: number): Promise<void> {
    const api = new TranscriptionAPI({ baseUrl: this.#url, retries: 10_000, wait: (_, signal) => waitFor(20, signal) });
    let next = 0;
    const submitter = async () => {
      while (next < jobs) {
        const n = next++;
        const { id } = await api.jobs.submit(
          { audio_url: `s3://audio/${n}.mp3`, max_attempts: 20 },
          { idempotencyKey: `chaos-${n}` },
        );
        this.submitted.set(n, id);
        this.#countResponse();
      }
    };
    await Promise.all(Array.from({ length: at_once }, submitter));
  }

  startWorkers(...ids: string[]): ChildProcess {
    const env = { ...process.env, LOOPS_TRANSPORT: this.transport };
    const child = spawn(process.execPath, [LOOPS, this.#url, ...ids], { stdio: ['ignore', 'pipe', 'inherit'], env });
    const ended = once(child, 'close');
    child.once('exit', (code, signal) => {
      if (signal === 'SIGKILL') return;
      this.#broken = new Error(`workers ended by themselves, with ${code ?? signal}`);
      this.#look();
    });
    this.#t.after(async () => {
      child.kill('SIGKILL');
      await ended;
    });
    createInterface(child.stdout).on('line', (line) => this.#record(JSON.parse(line) as Outcome));
    return child;
  }

  /** Resolves after so many responses. */
  reached(responses: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (this.responses < responses && !this.#broken) return;
        this.#listeners.delete(look);
        if (this.#broken) reject(this.#broken);
        else resolve();
      };
      this.#listeners.add(look);
      look();
    });
  }

  #record({ done, job_id, text, already_there }: Outcome): void {
    if (done === 'stored' && already_there === false) {
      this.stored.set(job_id, [...(this.stored.get(job_id) ?? []), text!]);
    }
    if (done === 'completed') this.completed.push(job_id);
    this.#countResponse();
  }

  #countResponse(): void {
    this.responses += 1;
    this.#look();
  }

  #look(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
