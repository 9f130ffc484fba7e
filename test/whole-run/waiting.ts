/** Waits for states of other processes, at the pace of the requests that look. The deadline is for a state that never comes. */
import { sleep, systemClock } from '../../server/clock.ts';

const DEADLINE_MS = 15 * 60_000;
const PAUSE_MS = 200;

/** Until `look` returns something, which `problem` describes the lack of. */
export async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const deadline_ms = systemClock.monotonic() + DEADLINE_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (systemClock.monotonic() > deadline_ms) throw new Error(`never: ${what}`);
    await sleep(systemClock, PAUSE_MS);
  }
}

/** Until two states that follow each other are equal; then null, or how they differ at the deadline. */
export async function untilEqual(
  what: string,
  look: () => Promise<[actual: unknown, expected: unknown]>,
): Promise<void> {
  let last = '';
  try {
    await until(what, async () => {
      const [actual, expected] = (await look()).map((one) => JSON.stringify(one));
      last = `is ${actual}, should be ${expected}`;
      return actual === expected || undefined;
    });
  } catch (error) {
    throw new Error(`${(error as Error).message}; it ${last}`);
  }
}

export async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const cancel = systemClock.after(DEADLINE_MS, () => late.reject(new Error(`never: ${what}`)));
  return Promise.race([promise, late.promise]).finally(cancel);
}
