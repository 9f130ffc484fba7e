/** Scripted sources for tests of the check. */
import assert from 'node:assert/strict';
import type { CheckDocument } from '../../protocol/check.ts';
import { NOTHING_KNOWN, type Sighting } from '../../protocol/sighting.ts';
import type { QueueDepth, Reading, Source } from '../source.ts';
import { Check } from './check.ts';
import type { CheckMemory } from './memory.ts';

export const NOW = Date.parse('2025-07-07T20:00:00Z');
export const MINUTE = 60_000;
const { signal } = new AbortController();

/** Minutes before NOW. */
export function told(job_id: string, minutes: number, more: Partial<Sighting> = {}): Sighting {
  const told_ms = NOW - minutes * MINUTE;
  const state = more.state ?? 'PROCESSING';
  return {
    ...NOTHING_KNOWN,
    job_id,
    state,
    told_ms,
    worker_id: 'worker-1',
    started_ms: NOW - 60 * MINUTE,
    ended_ms: state === 'COMPLETED' || state === 'FAILED' ? told_ms : null,
    ...more,
  };
}

export function source(sightings: Sighting[], more: Partial<Source & Reading> = {}, depth?: QueueDepth): Source {
  return {
    name: more.name ?? 'test:',
    ...(more.appendsOnly === undefined ? {} : { appendsOnly: more.appendsOnly }),
    async *read() {
      yield {
        sightings,
        position: more.position ?? null,
        unreadable: more.unreadable ?? [],
        looked_at: more.looked_at ?? sightings.length,
        ...(more.found === undefined ? {} : { found: more.found }),
        notes: more.notes ?? [],
        without_zone: more.without_zone ?? false,
        async done() {
          assert.fail('a check takes nothing away');
        },
      };
    },
    ...(depth === undefined ? {} : { depth: async () => depth }),
    async close() {},
  };
}

export const run = (sources: Source[], options = {}, memory?: CheckMemory) =>
  new Check(sources, options, memory).run(NOW, signal);

export const problems = ({ problems: all }: CheckDocument) => all.map(({ kind, subject }) => `${kind} ${subject}`);
