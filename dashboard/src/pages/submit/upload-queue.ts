/**
 * Files on their way to the monitor: a few at a time, each then submitted as a job.
 *
 *     waiting → uploading → submitted      pause: uploading → paused, resume: paused → waiting
 *                         ↘ failed         retry: failed → waiting
 *
 * An upload that is paused or fails begins again: the monitor keeps no part of a file.
 */

export type UploadState = 'waiting' | 'uploading' | 'paused' | 'failed' | 'submitted';

export type UploadItem = {
  id: string;
  name: string;
  size_bytes: number;
  state: UploadState;
  sent_bytes: number;
  /** Why it failed. */
  error: string | null;
  job_id: string | null;
};

export type Send = (
  file: Blob,
  { name, signal, onSent }: { name: string; signal: AbortSignal; onSent: (bytes: number) => void },
) => Promise<string>;

const AT_ONCE = 3;

export class UploadQueue {
  readonly #files = new Map<string, { file: Blob; send: Send }>();
  readonly #running = new Map<string, AbortController>();
  readonly #readers = new Set<() => void>();
  #items: readonly UploadItem[] = [];
  #count = 0;

  readonly items = (): readonly UploadItem[] => this.#items;

  readonly subscribe = (reader: () => void): (() => void) => {
    this.#readers.add(reader);
    return () => this.#readers.delete(reader);
  };

  /** `send` uploads and submits; it resolves to the id of the job. */
  add(files: readonly { file: Blob; name: string }[], send: Send): void {
    const added = files.map(({ file, name }): UploadItem => {
      const id = `upload-${++this.#count}`;
      this.#files.set(id, { file, send });
      return { id, name, size_bytes: file.size, state: 'waiting', sent_bytes: 0, error: null, job_id: null };
    });
    this.#put([...this.#items, ...added]);
    this.#go();
  }

  pause(id: string): void {
    if (!this.#is(id, 'waiting', 'uploading')) return;
    this.#change(id, { state: 'paused', sent_bytes: 0 });
    this.#running.get(id)?.abort();
  }

  /** Continues one that was paused, and tries one again that failed. */
  resume(id: string): void {
    if (!this.#is(id, 'paused', 'failed')) return;
    this.#change(id, { state: 'waiting', error: null, sent_bytes: 0 });
    this.#go();
  }

  remove(id: string): void {
    this.#running.get(id)?.abort();
    this.#files.delete(id);
    this.#put(this.#items.filter((item) => item.id !== id));
  }

  pauseAll(): void {
    for (const { id } of this.#items) this.pause(id);
  }

  resumeAll(): void {
    for (const { id } of this.#items) this.resume(id);
  }

  get busy(): boolean {
    return this.#items.some(({ state }) => state === 'waiting' || state === 'uploading');
  }

  #go(): void {
    for (const { id, state } of this.#items) {
      if (this.#running.size >= AT_ONCE) return;
      if (state === 'waiting' && !this.#running.has(id)) void this.#run(id);
    }
  }

  async #run(id: string): Promise<void> {
    const { file, send } = this.#files.get(id)!;
    const { name } = this.#items.find((item) => item.id === id)!;
    const stop = new AbortController();
    const { signal } = stop;
    this.#running.set(id, stop);
    this.#change(id, { state: 'uploading' });
    try {
      const onSent = (bytes: number) => {
        if (!signal.aborted) this.#change(id, { sent_bytes: Math.min(bytes, file.size) });
      };
      const job_id = await send(file, { name, signal, onSent });
      this.#change(id, { state: 'submitted', sent_bytes: file.size, job_id });
      this.#files.delete(id);
    } catch (error) {
      if (!signal.aborted) this.#change(id, { state: 'failed', error: (error as Error).message });
    } finally {
      this.#running.delete(id);
      this.#go();
    }
  }

  #is(id: string, ...states: readonly UploadState[]): boolean {
    const item = this.#items.find((one) => one.id === id);
    return item !== undefined && states.includes(item.state);
  }

  #change(id: string, change: Partial<UploadItem>): void {
    this.#put(this.#items.map((item) => (item.id === id ? { ...item, ...change } : item)));
  }

  #put(items: readonly UploadItem[]): void {
    this.#items = items;
    for (const reader of [...this.#readers]) reader();
  }
}
