/** Processes of this run: they inherit its mark, whatever becomes of their parents. */
import { readdirSync, readFileSync } from 'node:fs';
import { sleep, systemClock } from '../../server/clock.ts';

const MARK = 'TMON_TEST_RUN';
const LOOKS_MAX = 600;

/** From now on each process that is started here is one of the run. */
export function markProcesses(mark: string): void {
  process.env[MARK] = mark;
}

/** The command lines of those that live on, besides this one; none where there is no /proc. */
export async function leftProcesses(mark: string): Promise<string[]> {
  // What ends with another process does so a little later.
  for (let looks = 0; looks < LOOKS_MAX && marked(mark).length > 0; looks += 1) await sleep(systemClock, 100);
  return marked(mark);
}

/** Whether a process of the run has this id; ids are used again. Never where there is no /proc. */
export const isOurs = (pid: number): boolean =>
  marked(process.env[MARK] ?? '').some((line) => line.startsWith(`${pid} `));

function marked(mark: string): string[] {
  const pids = ignoring(() => readdirSync('/proc'), []).filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => {
    const read = (file: string) => ignoring(() => readFileSync(`/proc/${pid}/${file}`, 'utf8'), '');
    const is_ours = Number(pid) !== process.pid && read('environ').split('\0').includes(`${MARK}=${mark}`);
    return is_ours ? [`${pid} ${read('cmdline').replaceAll('\0', ' ')}`] : [];
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
