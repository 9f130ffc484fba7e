/** Entries of the audit record, newest first, a page at a time. */
import { useCallback, useEffect, useState } from 'react';
import type { AuditEntry, AuditQuery } from '../../../../protocol/audit.ts';
import { useLive } from '../../live/use-live.ts';
import { showError } from '../../parts/act.tsx';

const PAGE = 100;
/** A page may be empty and have a next one: so many are read before the viewer has to ask for more. */
const PAGES_MAX = 10;

export type Audit = {
  /** Null until the first are known. */
  entries: readonly AuditEntry[] | null;
  /** Whether there may be older ones. */
  more: boolean;
  busy: boolean;
  readMore: () => void;
};

type Read = { entries: readonly AuditEntry[] | null; cursor: string | null };

const NOTHING: Read = { entries: null, cursor: null };

/** `key` identifies the query; `round` reads again from the newest. */
export function useAudit(query: () => AuditQuery, { key, round }: { key: string; round: number }): Audit {
  const { api } = useLive();
  const [read, setRead] = useState<Read>(NOTHING);
  const [busy, setBusy] = useState(false);
  const load = useCallback(
    async (from: Read, signal?: AbortSignal) => {
      setBusy(true);
      const pages = api.audit.list({ ...query(), limit: PAGE }, signal ? { signal } : {});
      const entries = [...(from.entries ?? [])];
      let { cursor } = from;
      try {
        for (let pages_read = 0; pages_read < PAGES_MAX; pages_read += 1) {
          const page = await pages.page(cursor ?? undefined);
          entries.push(...page.items);
          cursor = page.next_cursor;
          if (page.items.length > 0 || cursor === null) break;
        }
        if (!signal?.aborted) setRead({ entries, cursor });
      } catch (error) {
        if (!signal?.aborted) showError(error);
      } finally {
        if (!signal?.aborted) setBusy(false);
      }
    },
    [api, query],
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: another query, or the same again.
  useEffect(() => {
    const stop = new AbortController();
    setRead(NOTHING);
    void load(NOTHING, stop.signal);
    return () => stop.abort();
  }, [api, key, round]);
  return { entries: read.entries, more: read.cursor !== null, busy, readMore: () => void load(read) };
}
