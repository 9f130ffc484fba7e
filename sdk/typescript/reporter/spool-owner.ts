/** Whose spool it is, and whether that process still runs: if not, another process of the worker sends what it has left. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { SpoolOwner } from './spool-format.ts';

/** A process of another machine that shares the folder is judged by its file, which it touches while reports wait. */
const QUIET_MS = 10 * 60_000;

export const thisProcess: SpoolOwner = {
  host: hostname().replace(/[^A-Za-z0-9-]/g, '-') || 'localhost',
  pid: process.pid,
  started: startOf(process.pid) ?? '0',
};

/** For what a process leaves behind on purpose. */
export const nobody: SpoolOwner = { ...thisProcess, pid: 0, started: '0' };

export function isGone({ host, pid, started }: SpoolOwner, modified_ms: number): boolean {
  if (pid === 0) return true;
  if (host !== thisProcess.host) return Date.now() - modified_ms > QUIET_MS;
  // The start tells a process from a later one with its number: in a container each first process is number 1.
  if (thisProcess.started !== '0') return startOf(pid) !== started;
  if (pid === process.pid) return modified_ms < Date.now() - process.uptime() * 1000;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** In clock ticks since the machine's start; null if no such process runs, or without /proc. */
export function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // One that has ended, and that its parent has not noticed yet.
    return fields[0] === 'Z' ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}
