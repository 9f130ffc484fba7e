/**
 * The note beside a directory's lock: who holds it, and a beat that shows that the holder is alive.
 *
 * On a network file system a lock may reach only its own machine, so that two machines hold "the" lock at once. The note is an
 * ordinary file, which both see. Who finds a note that may belong to a live holder watches it before writing anything: a beat
 * that changes means that the holder is alive. The holder reads the note at each beat, and stops when it is another's.
 *
 *     .lock.holder   {"id", "pid", "host", "boot_id", "started_at", "beat_ms"}
 *
 * `beat_ms` is the holder's wall clock at its last beat. Others only look at whether it changes, so clocks need not agree. All fields
 * keep their length, so a beat overwrites the file in place: that takes no disk space, and no reader sees a partial note.
 */
import { closeSync, ftruncateSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { hostname, uptime } from 'node:os';
import { join } from 'node:path';
import { type Clock, sleep } from '../clock.ts';
import { codeOf } from './directory-errors.ts';

/** Two seconds: a holder that lost its place to another machine goes on writing for at most this long. */
export const BEAT_MS = 2_000;
/** Three beats. NFS may show a file as it was up to 3 s ago. */
const WATCH_MS = 6_000;
const LOOK_MS = 200;

/** Monitors before the beat wrote `pid` and `host` alone. */
export type Holder = { id?: string; pid: number; host: string; boot_id?: string | null; beat_ms?: number };

export class HolderNote {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #own: Required<Holder> & { started_at: string };

  constructor(folder: string, clock: Clock) {
    this.#path = join(folder, '.lock.holder');
    this.#clock = clock;
    this.#own = {
      id: crypto.randomUUID(),
      pid: process.pid,
      host: hostname(),
      boot_id: bootId(),
      started_at: new Date().toISOString(),
      beat_ms: Date.now(),
    };
  }

  /** The holder that is alive, or null if there is none. Returns at once unless the note may be of a live one. */
  async findLiveHolder(): Promise<Holder | null> {
    const found = this.#read();
    if (found === null || !mayBeAlive(found)) return null;
    const until_ms = this.#clock.monotonic() + WATCH_MS;
    while (this.#clock.monotonic() < until_ms) {
      await sleep(this.#clock, LOOK_MS);
      const now = this.#read();
      if (now === null) return null;
      if (now.id !== found.id || now.beat_ms !== found.beat_ms) return now;
    }
    return null;
  }

  /** Writes a beat. Returns the holder who has written the note in the meantime, or null if it is still ours. */
  beat(): Holder | null {
    const found = this.#read();
    if (found !== null && found.id !== this.#own.id) return found;
    this.write();
    return null;
  }

  /** A full or read-only disk must not keep the monitor from serving reads, so a note that can't be written is left out. */
  write(): void {
    this.#own.beat_ms = Date.now();
    const bytes = Buffer.from(`${JSON.stringify(this.#own)}\n`);
    try {
      const fd = openExisting(this.#path) ?? openSync(this.#path, 'w');
      try {
        writeSync(fd, bytes, 0, bytes.length, 0);
        ftruncateSync(fd, bytes.length);
      } finally {
        closeSync(fd);
      }
    } catch {
      // The next beat tries again.
    }
  }

  remove(): void {
    try {
      if (this.#read()?.id === this.#own.id) rmSync(this.#path, { force: true });
    } catch {
      // The disk has become read-only; a note that does not beat keeps nobody out for long.
    }
  }

  #read(): Holder | null {
    return readHolder(this.#path);
  }
}

/** Null if there is no note, or none that can be read. */
export function readHolder(path: string): Holder | null {
  try {
    const holder = JSON.parse(readFileSync(path, 'utf8')) as Holder;
    return typeof holder?.pid === 'number' && typeof holder.host === 'string' ? holder : null;
  } catch {
    return null;
  }
}

export function nameOf({ pid, host }: Holder): string {
  return host === hostname() ? `process ${pid}` : `process ${pid} on ${host}`;
}

/**
 * Whether the writer of a note that was left behind may be running. Its lock is ours by now, so on this machine it is a process that
 * is gone, or one that came to the folder by another mount.
 */
function mayBeAlive({ pid, host, boot_id, beat_ms }: Holder): boolean {
  const boot = bootId();
  const ourHost = host === hostname();
  if (boot === null || typeof boot_id !== 'string') return !ourHost || isRunning(pid);
  if (boot === boot_id) return isRunning(pid);
  const booted_ms = Date.now() - uptime() * 1000;
  return !(ourHost && beat_ms !== undefined && beat_ms < booted_ms);
}

function isRunning(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/** Names this start of this machine; null where the system has no such name. */
function bootId(): string | null {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return null;
  }
}

function openExisting(path: string): number | undefined {
  try {
    return openSync(path, 'r+');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
