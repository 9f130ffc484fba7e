/** Processes of this run: they inherit its mark, whatever becomes of their parents. */
import { readdirSync, readFileSync } from 'node:fs';

const MARK = 'TMON_WHOLE_RUN';

/** From now on each process that is started here is one of the run. */
export function markProcesses(mark: string): void {
  process.env[MARK] = mark;
}

/** The command lines of those that live, besides this one; empty where there is no /proc. */
export function markedProcesses(mark: string): string[] {
  const pids = ignoring(() => readdirSync('/proc'), []).filter(
    (name) => /^\d+$/.test(name) && Number(name) !== process.pid,
  );
  return pids.flatMap((pid) => {
    const read = (file: string) => ignoring(() => readFileSync(`/proc/${pid}/${file}`, 'utf8'), '');
    if (!read('environ').split('\0').includes(`${MARK}=${mark}`)) return [];
    return [`${pid} ${read('cmdline').replaceAll('\0', ' ')}`];
  });
}

/** A process may end while it is looked at. */
function ignoring<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
