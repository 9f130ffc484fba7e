/**
 * The note beside a directory's lock: who holds it, and a beat that shows that the holder is alive.
 *
 * On a network file system a lock may be local to a machine, so that two machines hold it at once. The note is an
 * ordinary file, which both see. A process that finds a note whose holder may be alive watches it before it writes
 * anything: a beat that changes proves that the holder is alive. The holder reads the note at each beat, and stops
 * writing once it is another's.
 *
 *     .lock.holder   {"id", "pid", "host", "boot_id", "started_at", "beat_ms"}
 *
 * `beat_ms` is the holder's wall clock at its last beat. Others check only whether it changes, so clocks need not
 * agree. All fields keep their length, so a beat overwrites the file in place: that needs no disk space, and no reader
 * sees a partial note.
 */
import { closeSync, ftruncateSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { hostname, uptime } from 'node:os';
import { join } from 'node:path';
import { type Clock, sleep } from '../clock.ts';
import { codeOf } from './directory-errors.ts';

/** A displaced holder continues to write for at most this long. */
export const BEAT_MS = 2_000;
/** Three beats. An NFS client may serve a file as it was 3 s ago. */
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

  /** Returns the live holder, or null if there is none. Returns at once unless the holder in the note may be alive. */
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

  /** Writes a beat and returns null, or returns the other holder if the note is no longer ours. */
  beat(): Holder | null {
    const found = this.#read();
    if (found !== null && found.id !== this.#own.id) return found;
    this.write();
    return null;
  }

  /** Never throws: a full or read-only disk must not keep the monitor from serving reads. */
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
      // The disk has become read-only; a note without a beat blocks others only briefly.
    }
  }

  #read(): Holder | null {
    return readHolder(this.#path);
  }
}

/** Returns null if there is no note, or it can't be read. */
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
 * Whether the holder in a note may be running. Its lock is ours by now, so on this machine its process is gone, or it
 * reached the folder through another mount.
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

/** Identifies this boot of this machine; null if the system has no such id. */
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
