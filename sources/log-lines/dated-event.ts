/** Events whose time is known, or taken from the lines around them. */
import type { LoggedEvent } from '../../protocol/log-line.ts';
import type { LogBatch } from './log.ts';
import type { LineScanner, Scanned } from './scan.ts';

export type DatedEvent = LoggedEvent & { timestamp_ms: number };

/** The events of a chunk as a batch; those that still wait for a time get `otherwise_ms`, with a note. */
export function dated(
  { events, ...scanned }: Scanned,
  { scanner, otherwise_ms, position }: { scanner: LineScanner; otherwise_ms: number; position: string | null },
): LogBatch {
  const notes: string[] = [];
  if (scanner.waits) {
    notes.push(
      `no line has a time that is understood (${scanner.undatedExample}): the time of the last change is used instead`,
    );
    scanner.giveUpDating(otherwise_ms);
  }
  if (scanner.isAmbiguous) {
    notes.push('dates like 01/02/2026 do not show whether the day comes first: the one nearest to now is used');
  }
  return { ...scanned, events: events as DatedEvent[], position, notes };
}
