/**
 * What a verdict rests on. "Well" is a claim: it needs sources that were read, in which reports were found and could be
 * understood. Otherwise the verdict is unknown, and the reasons are among the warnings. Pure.
 */
import type { CheckDocument, CheckedSource } from '../../protocol/check.ts';
import type { Heartbeat, Unreadable } from '../source.ts';
import { span } from './words.ts';

export type Evidence = {
  /** A report was found, now or in an earlier check. */
  found_before: boolean;
  /** Files that are being written: their last known state counts. */
  half_written: readonly Unreadable[];
  /** Since when no message of its queue waits, and all are in flight. */
  in_flight_since_ms: number | null;
  heartbeats: ReadonlyMap<string, Heartbeat>;
  /** Whether it is a monitor, and whether the store of one is in the same place. */
  monitor: boolean;
  monitor_store: boolean;
  /** Some of its times may be of another zone than they were taken for. */
  without_zone: boolean;
};

/** How much may be unreadable in each source: a number, or a share from 0 to 1 of what was found. */
export type Allowance = { count: number } | { share: number };

export type EvidenceOptions = { unreadable_allowed: Allowance; queued_after_ms: number };

export type Examined = { checked: CheckedSource; evidence: Evidence };

type Warning = CheckDocument['warnings'][number];

export function evidenceWarnings(
  sources: readonly Examined[],
  options: EvidenceOptions,
  { now_ms }: { now_ms: number },
): Warning[] {
  const asksMonitor = sources.some(({ evidence }) => evidence.monitor);
  return sources.flatMap((source) => [
    ...monitorStoreWarnings(source, asksMonitor),
    ...unreadableWarnings(source, options),
    ...halfWrittenWarnings(source),
    ...nothingFoundWarnings(source),
    ...undatedWarnings(source),
    ...inFlightWarnings(source, options, now_ms),
    ...source.checked.notes.map((says) => ({
      kind: 'note' as const,
      subject: source.checked.name,
      says,
      unknown: false,
    })),
  ]);
}

/** Whether so much may be unreadable. */
export function isAllowed({ found, unreadable }: { found: number; unreadable: number }, allowed: Allowance): boolean {
  return unreadable <= ('count' in allowed ? allowed.count : allowed.share * (found + unreadable));
}

function unreadableWarnings({ checked }: Examined, { unreadable_allowed }: EvidenceOptions): Warning[] {
  const { name, unreadable_count, found_count, unreadable } = checked;
  if (unreadable_count === 0) return [];
  const [first] = unreadable;
  const example = first === undefined ? '' : `: ${first.where}: ${first.why}`;
  const unknown = !isAllowed({ found: found_count, unreadable: unreadable_count }, unreadable_allowed);
  return [{ kind: 'unreadable', subject: name, says: `${unreadable_count} could not be read${example}`, unknown }];
}

function halfWrittenWarnings({ checked, evidence }: Examined): Warning[] {
  const [first] = evidence.half_written;
  if (first === undefined) return [];
  const says = `${evidence.half_written.length} half-written, taken as read before: ${first.where}: ${first.why}`;
  return [{ kind: 'half_written', subject: checked.name, says, unknown: false }];
}

/** A wrong prefix, a typo, or nothing yet: the first look can't tell; later ones know that reports were there. */
function nothingFoundWarnings({ checked, evidence }: Examined): Warning[] {
  const { name, read, looked_at, found_count, unreadable_count, queue } = checked;
  if (!read || found_count > 0 || unreadable_count > 0 || queue !== null) return [];
  const among = looked_at === 0 ? 'it is empty' : `${looked_at} read, none of them a report about a job`;
  return [
    {
      kind: 'nothing_found',
      subject: name,
      says: `no job was found there (${among})`,
      unknown: !evidence.found_before,
    },
  ];
}

/** The jobs of that monitor are nowhere, unless it is among the sources itself. */
function monitorStoreWarnings({ checked, evidence }: Examined, asksMonitor: boolean): Warning[] {
  if (!evidence.monitor_store) return [];
  const says =
    'a monitor keeps its store there too, and its jobs are not in status files: check http://MONITOR:8080 too';
  return [{ kind: 'monitor_store', subject: checked.name, says, unknown: !asksMonitor }];
}

function undatedWarnings({ checked: { name, undated_count = 0 } }: Examined): Warning[] {
  if (undated_count === 0) return [];
  const says = `${undated_count} without a time that is understood: that of the reports around them was taken`;
  return [{ kind: 'undated', subject: name, says, unknown: false }];
}

/** Messages in flight can't be looked at: their workers may work, or may have died with a long visibility timeout. */
function inFlightWarnings({ checked, evidence }: Examined, options: EvidenceOptions, now_ms: number): Warning[] {
  const { name, queue } = checked;
  if (queue === null || evidence.in_flight_since_ms === null) return [];
  // CloudWatch's age includes messages in flight.
  const for_ms = Math.max(now_ms - evidence.in_flight_since_ms, (queue.oldest_seconds ?? 0) * 1000);
  if (for_ms <= options.queued_after_ms) return [];
  const says = `all ${queue.in_flight} messages have been in flight for ${span(for_ms / 1000)}: see whether their workers still run`;
  return [{ kind: 'in_flight', subject: name, says, unknown: true }];
}
