/** Loops that can be left while they wait: `return()` of a plain generator waits for the pending `next()` first. */
const ENDED = new Error('the loop was left');

/** `run`: makes the generator, which waits no longer once its signal aborts. `signal`: the caller's, which aborts it, too. */
export function endable<T>(
  run: (signal: AbortSignal) => AsyncGenerator<T, void, void>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, void, void> {
  const stop = new AbortController();
  const inner = run(signal ? AbortSignal.any([signal, stop.signal]) : stop.signal);
  const ended = (error: unknown): IteratorReturnResult<void> => {
    if (error === ENDED) return { done: true, value: undefined };
    throw error;
  };
  const loop: AsyncGenerator<T, void, void> = {
    next: () => inner.next().catch(ended),
    return(value) {
      stop.abort(ENDED);
      return inner.return(value as undefined).catch(ended);
    },
    throw(error) {
      stop.abort(ENDED);
      return inner.throw(error);
    },
    [Symbol.asyncIterator]: () => loop,
    async [Symbol.asyncDispose]() {
      await loop.return();
    },
  };
  return loop;
}
