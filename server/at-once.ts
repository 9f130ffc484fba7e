/**
 * Does something with each item, at most `width` at a time, taking items as it goes. The first failure ends it, once
 * all under way have ended.
 */
export async function eachAtOnce<T>(
  items: Iterable<T> | AsyncIterable<T>,
  width: number,
  run: (item: T) => Promise<unknown>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  let failure: { error: unknown } | undefined;
  for await (const item of items) {
    const one: Promise<void> = run(item).then(
      () => void running.delete(one),
      (error: unknown) => {
        failure ??= { error };
        running.delete(one);
      },
    );
    running.add(one);
    if (running.size >= width) await Promise.race(running);
    if (failure) break;
  }
  await Promise.all(running);
  if (failure) throw failure.error;
}
