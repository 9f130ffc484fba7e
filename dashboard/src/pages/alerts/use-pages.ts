/** A list of the API, read whole, and again whenever `version` changes or `again` is called. */
import { useCallback, useEffect, useRef, useState } from 'react';
import type { Pages } from '../../../../sdk/typescript/index.ts';

/** `items` is null until it is known. */
export function useList<T>(
  read: (signal: AbortSignal) => Pages<T>,
  { version, most = 500 }: { version: unknown; most?: number },
): { items: readonly T[] | null; again: () => void } {
  const [items, setItems] = useState<readonly T[] | null>(null);
  const [round, setRound] = useState(0);
  const latest = useRef(read);
  latest.current = read;
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is read again when they change.
  useEffect(() => {
    const stop = new AbortController();
    const load = async () => {
      const found: T[] = [];
      for await (const item of latest.current(stop.signal)) {
        found.push(item);
        if (found.length === most) break;
      }
      return found;
    };
    load().then(
      (found) => {
        if (!stop.signal.aborted) setItems(found);
      },
      () => {},
    );
    return () => stop.abort();
  }, [version, round, most]);
  return { items, again: useCallback(() => setRound((before) => before + 1), []) };
}
