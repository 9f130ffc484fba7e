/** Walks through a table of jobs by creation ordinal, past blocks that can't have a match. */
import type { SortedMap } from '../../sorted-map.ts';
import { BLOCK_JOBS, blockOf, type Sought } from './job-blocks.ts';
import type { State } from './state.ts';

type Table = SortedMap<number, string>;

/** Ids below the ordinal `before`, newest first; null once for blocks that are skipped, so that the caller can pause. */
export function* searchNewestFirst(
  state: State,
  table: Table,
  sought: Sought,
  before: number,
): Generator<string | null> {
  const { blocks } = state;
  for (let end = before; ; ) {
    let block = -1;
    let skipped = false;
    for (const [ordinal, job_id] of table.entriesReversed(end)) {
      if (ordinal >= end) continue;
      if (blockOf(ordinal) !== block) {
        block = blockOf(ordinal);
        skipped = !blocks.mayHave(state, block, sought);
        if (skipped) break;
      }
      yield job_id;
    }
    if (!skipped) return;
    while (block > 0 && blocks.excludes(state, block - 1, sought)) block -= 1;
    end = block * BLOCK_JOBS;
    yield null;
  }
}

/** Ids in the order of creation. */
export function* searchOldestFirst(state: State, table: Table, sought: Sought): Generator<string | null> {
  const { blocks } = state;
  for (let from = 0; ; ) {
    let block = -1;
    let skipped = false;
    for (const [ordinal, job_id] of table.entries(from)) {
      if (blockOf(ordinal) !== block) {
        block = blockOf(ordinal);
        skipped = !blocks.mayHave(state, block, sought);
        if (skipped) break;
      }
      yield job_id;
    }
    if (!skipped) return;
    while (blocks.excludes(state, block + 1, sought)) block += 1;
    from = (block + 1) * BLOCK_JOBS;
    yield null;
  }
}
