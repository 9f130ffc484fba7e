/** A view with `as_of_seq` shows exactly the fold of the journal up to that segment (I12). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { segmentKey } from '../journal/keys.ts';
import { decodeSegment } from '../journal/segment.ts';
import { MemoryStore } from '../objects/memory.ts';
import { applyEvents, beginSegment } from '../state-machine/apply/apply.ts';
import type { JournalEvent } from '../state-machine/events.ts';
import { State } from '../state-machine/state/state.ts';
import { TurnedClock } from '../testing-clock.ts';
import { subjectOf } from './keys.ts';
import { viewOf } from './layout.ts';
import { HISTORY, HISTORY_SETTINGS, HISTORY_START, play } from './testing-history.ts';
import { TestMonitor, textsIn } from './testing-monitor.ts';
import { encodeDocument } from './view.ts';

/** The folds of segments 1 to n, by their number. */
async function foldsOf(store: MemoryStore, journal_id: string, seq: number): Promise<State[]> {
  const folds = [new State()];
  let at_ms = 0;
  for (let next = 1; next <= seq; next++) {
    const got = await store.get(segmentKey(next));
    assert.ok(got.found);
    const { header, lines } = decodeSegment(got.bytes, { journal_id, seq: next });
    at_ms = Math.max(at_ms, header.at);
    const state = folds.at(-1)!.clone();
    beginSegment(state, next, at_ms);
    applyEvents(
      state,
      lines.map((line) => JSON.parse(line) as JournalEvent),
    );
    folds.push(state);
  }
  return folds;
}

test('at any moment every view is the fold up to the segment it names', async () => {
  const clock = new TurnedClock(HISTORY_START);
  const store = new MemoryStore(clock);
  const monitor = await TestMonitor.open({ store, clock, settings: HISTORY_SETTINGS });
  let looked = 0;
  const steps = [
    ...HISTORY.slice(0, -3),
    // Twice and alone, so that there is an estimate and the worker itself has not changed.
    ...[10, 20].map((percentage) => async () => {
      monitor.progress('job-5', percentage);
      await clock.turn(20_000);
    }),
  ];
  for (const step of steps) {
    await play([step], monitor, clock);
    const folds = await foldsOf(store, monitor.engine.journal.journal_id, monitor.engine.state.seq);
    // Nothing is flushed: an old view must be correct for its segment.
    for (const [key, text] of await textsIn(store)) {
      const as_of_seq = JSON.parse(text).as_of_seq as number;
      const view = viewOf(folds[as_of_seq]!, subjectOf(key)!);
      const there = view?.present.find((present) => present.key === key);
      // An hour that is over keeps its last counts, under one more key.
      if (key.startsWith('metrics/')) continue;
      assert.ok(there, `${key} as of ${as_of_seq}`);
      assert.equal(text, Buffer.from(encodeDocument(there.document())).toString(), `${key} as of ${as_of_seq}`);
      looked += 1;
    }
  }
  assert.ok(looked > 300, `${looked} views`);
  await monitor.stop();
});
