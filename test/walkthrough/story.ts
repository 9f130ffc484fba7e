/**
 * The story told by the chapters of this folder: one job's life over HTTP, and the directory's contents after each
 * step. A chapter begins where the previous one ended. To read the directory the monitor is stopped, so that everything
 * is written (a running one is at most a second behind), and started again: that this is possible at any time is part
 * of the story.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Job } from '../../protocol/job.ts';
import { readSettings, type Settings } from '../../server/config.ts';
import { type RunningMonitor, startMonitor } from '../../server/main.ts';
import type { Cleaning } from '../processes/tmon.ts';
import { wav } from '../processes/wav.ts';
import { JumpingClock } from '../servers/jumping-clock.ts';
import { Caller, type Json } from '../servers/monitor.ts';
import { claim, type Held, register, TRANSCRIPT } from '../servers/steps.ts';

export class Story {
  readonly directory: string;
  readonly settings: Settings;
  /** Advanced when the story has to wait. */
  readonly clock = new JumpingClock();
  #monitor: RunningMonitor | null = null;
  /** Replacements for the ids of this run in listings: `job-01J…` → `JOB`. */
  readonly #names = new Map<string, string>();

  static async begin(t: Cleaning): Promise<Story> {
    const story = new Story(mkdtempSync(join(tmpdir(), 'tmon-story-')));
    t.after(async () => {
      await story.stop();
      rmSync(story.directory, { recursive: true, force: true });
    });
    await story.start();
    return story;
  }

  private constructor(directory: string) {
    this.directory = directory;
    this.settings = readSettings(
      { store: `dir:${directory}`, listen: '127.0.0.1:0', fleet: 'none:', log_level: 'silent', retry_base_ms: 0 },
      {},
    );
  }

  get http(): Caller {
    return new Caller(this.#monitor!.url);
  }

  async start(): Promise<void> {
    this.#monitor = await startMonitor(this.settings, { clock: this.clock });
  }

  async stop(): Promise<void> {
    await this.#monitor?.stop();
  }

  /** From now on this id is shown as this word in listings. */
  call(id: string, name: string): void {
    this.#names.set(id, name);
  }

  /** Every object below these folders, once everything is written. Dates and ids are replaced by words. */
  async objects(...folders: string[]): Promise<string[]> {
    await this.stop();
    const paths = readdirSync(this.directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
      .map((entry) =>
        join(entry.parentPath, entry.name)
          .slice(this.directory.length + 1)
          .replaceAll('\\', '/'),
      )
      .filter((path) => folders.length === 0 || folders.some((folder) => path.startsWith(folder)));
    await this.start();
    return paths.map((path) => this.#inWords(path)).sort();
  }

  /** The document at a key, in the form of `objects`. */
  read(key: string): Json {
    const path = readdirSync(this.directory, { recursive: true, encoding: 'utf8' })
      .map((one) => one.replaceAll('\\', '/'))
      .find((one) => this.#inWords(one) === key);
    assert.ok(path, `there is no ${key}`);
    return JSON.parse(readFileSync(join(this.directory, path), 'utf8'));
  }

  #inWords(path: string): string {
    let words = path;
    for (const [id, name] of this.#names) words = words.replaceAll(id, name);
    return words
      .replace(/\d{4}\/\d\d\/\d\d/, 'YYYY/MM/DD')
      .replace(/\d{4}-\d\d-\d\d/, 'YYYY-MM-DD')
      .replace(/-\d{8}\.json/, '-YYYYMMDD.json')
      .replace(/hour=\d\d/, 'hour=HH')
      .replace(/hourly\/\d\d/, 'hourly/HH');
  }

  /** Chapter 1: a recording is uploaded and submitted. */
  async submit(name = 'JOB', submission: object = {}): Promise<Job> {
    const { body: upload } = await this.http.call('POST', '/api/v1/uploads?name=call.wav', { body: wav(2) });
    this.call(upload.upload_id, 'UPLOAD');
    const { body: job } = await this.http.post<Job>('/jobs', { audio_url: upload.audio_url, ...submission });
    this.call(job.job_id, name);
    return job;
  }

  /** Chapter 2: a worker claims it. */
  async claim(): Promise<Held> {
    await register(this.http, 'worker-123');
    const [held] = await claim(this.http, 'worker-123');
    assert.ok(held);
    return held;
  }

  /** Chapter 4: the worker stores the transcript, and the job is done. */
  async complete({ id, token }: Held): Promise<Job> {
    const stored = await this.http.put(`/jobs/${id}/transcript`, TRANSCRIPT, { 'lease-token': token });
    const { s3_path, segments_count, confidence_score } = stored.body;
    const { body } = await this.http.post<Job>(`/jobs/${id}/complete`, {
      lease_token: token,
      output: { s3_path, segments_count, confidence_score },
    });
    return body;
  }

  /** Chapter 5: the attempt fails. */
  async fail({ id, token }: Held, retryable: boolean): Promise<Job> {
    const error = { code: 'worker_error', message: 'the engine crashed', retryable };
    return (await this.http.post<Job>(`/jobs/${id}/fail`, { lease_token: token, error })).body;
  }
}
