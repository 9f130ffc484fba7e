/** Bounded concurrency. */

/**
 * Runs `run` for every item, at most so many at once, and resolves when all are done. Begins no more after `signal` is aborted.
 * Rejects with the first error, after those that were running have ended.
 */
export async function atOnce<T>(
  items: readonly T[],
  { parallel, signal }: { parallel: number; signal?: AbortSignal },
  run: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failed = false;
  const one = async () => {
    while (next < items.length && !failed && signal?.aborted !== true) {
      const index = next++;
      try {
        await run(items[index]!, index);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: Math.min(parallel, items.length) }, one));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}
