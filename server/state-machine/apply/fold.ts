/** The state of a journal that is only read: folds segments and snapshots without an engine. */
import type { JournalEvent } from '../events.ts';
import { restore, snapshotRows } from '../state/snapshot.ts';
import { State } from '../state/state.ts';
import { applyEvents, beginSegment } from './apply.ts';

export class Fold {
  state = new State();

  replay({ seq, at_ms, lines }: { seq: number; at_ms: number; lines: readonly string[] }): void {
    beginSegment(this.state, seq, at_ms);
    applyEvents(
      this.state,
      lines.map((line) => JSON.parse(line) as JournalEvent),
    );
  }

  restore(rows: Iterable<string>): void {
    this.state = restore(rows);
  }

  reset(): void {
    this.state = new State();
  }

  rows(): Iterable<string> {
    return snapshotRows(this.state.clone());
  }
}
