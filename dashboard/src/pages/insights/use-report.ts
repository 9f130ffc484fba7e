/** A report, loaded again for another query. */
import { useEffect, useState } from 'react';
import type { TranscriptionAPI } from '../../../../sdk/typescript/index.ts';
import { useLive } from '../../live/use-live.ts';

export type Loaded<T> = { state: 'loading' } | { state: 'failed'; error: Error } | { state: 'loaded'; value: T };

/** `key`: what it depends on. */
export function useReport<T>(key: string, load: (api: TranscriptionAPI, signal: AbortSignal) => Promise<T>): Loaded<T> {
  const { api } = useLive();
  const [loaded, setLoaded] = useState<Loaded<T> & { key: string }>({ key, state: 'loading' });
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for what `load` depends on.
  useEffect(() => {
    const stop = new AbortController();
    load(api, stop.signal).then(
      (value) => {
        if (!stop.signal.aborted) setLoaded({ key, state: 'loaded', value });
      },
      (error: Error) => {
        if (!stop.signal.aborted) setLoaded({ key, state: 'failed', error });
      },
    );
    return () => stop.abort();
  }, [api, key]);
  return loaded.key === key ? loaded : { state: 'loading' };
}
