/** The filters of the audit page, in its URL, and the query of the API that they stand for. */
import type { AuditQuery } from '../../../../protocol/audit.ts';

export const SPANS: Readonly<Record<string, number>> = {
  '1h': 3_600_000,
  '24h': 86_400_000,
  '7d': 7 * 86_400_000,
};

export const FILTERS = ['actor', 'event', 'entity', 'within'] as const;
export type Filter = (typeof FILTERS)[number];
export const FILTER_NAMES: Readonly<Record<Filter, string>> = {
  actor: 'by',
  event: 'event',
  entity: 'of',
  within: 'within',
};

/** Those that are set; what is not one, or makes no sense, is left out. */
export function filtersOf(params: URLSearchParams): Partial<Record<Filter, string>> {
  const set = FILTERS.map((name) => [name, (params.get(name) ?? '').trim()] as const);
  return Object.fromEntries(
    set.filter(([name, value]) => value !== '' && (name !== 'within' || Object.hasOwn(SPANS, value))),
  );
}

export function queryOf({ within, ...rest }: Partial<Record<Filter, string>>, now_ms: number): AuditQuery {
  return { ...rest, ...(within ? { after: new Date(now_ms - SPANS[within]!).toISOString() } : {}) };
}

/** `KeyCreated` → `key created` */
export const eventWords = (event: string): string => event.replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase();

/** Of the key, or of who signed in; `actor` itself for others. */
export const whoOf = ({ actor, key_name }: { actor: string; key_name: string | null }): string =>
  key_name || actor.replace(/^user:/, '');
