/** One random history in one system and zone, looked at in random moments, with a memory and without. */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { CheckDocument } from '../../protocol/check.ts';
import { Check } from '../../sources/check/check.ts';
import { CHECK_DEFAULTS } from '../../sources/check/judge.ts';
import { CheckMemory } from '../../sources/check/memory.ts';
import { openSource } from '../../sources/open-source.ts';
import { Chance } from '../simulation/chance.ts';
import { type History, historyOf, SPAN_MS, type Truth, truthAt } from './fleet-history.ts';
import { openSystem, SYSTEMS, ZONES } from './systems.ts';

const MINUTE = 60_000;
const { signal } = new AbortController();

/** In the folder, which it leaves empty. Throws if the check says anything else than the history. */
export async function runTrial(seed: number, folder: string): Promise<void> {
  const chance = new Chance(seed);
  const kind = chance.pick(SYSTEMS);
  const zone = chance.pick(ZONES);
  const from_ms = Date.UTC(2026, chance.whole(0, 11), chance.whole(1, 28), chance.whole(0, 23), chance.whole(0, 59));
  const history = historyOf(chance, from_ms, { queued: !kind.endsWith('log') });
  const place = join(folder, `${seed}`);
  mkdirSync(place);
  const system = openSystem(kind, place, zone);
  const memory = new CheckMemory();
  const moments = Array.from({ length: 6 }, () => from_ms + chance.whole(0, SPAN_MS)).sort((a, b) => a - b);
  let written = 0;
  let gap_ms = 0;
  let before_ms = moments[0]!;
  try {
    for (const now_ms of moments) {
      for (; written < history.reports.length && history.reports[written]!.at_ms <= now_ms; written += 1) {
        system.write(history.reports[written]!);
      }
      gap_ms = Math.max(gap_ms, now_ms - before_ms);
      before_ms = now_ms;
      for (const [kept, slack_ms] of [
        [memory, gap_ms],
        [new CheckMemory(), 0],
      ] as const) {
        const source = await openSource(system.url, { zone });
        const document = await new Check([source], { local_minutes: 0 }, kept).run(now_ms, signal);
        await source.close();
        const said = `seed ${seed}, ${kind} in ${zone}, ${kept === memory ? 'with' : 'without'} memory, at ${new Date(now_ms).toISOString()}`;
        agree(document, truthAt(history, now_ms, now_ms - CHECK_DEFAULTS.since_ms), { said, slack_ms, written });
      }
    }
  } finally {
    system.close();
    rmSync(place, { recursive: true });
  }
}

type Looked = { said: string; slack_ms: number; written: number };

function agree(document: CheckDocument, truth: Truth, { said, slack_ms, written }: Looked): void {
  const context = `${said}\n${JSON.stringify([document.says, document.problems, document.warnings], null, 1)}`;
  if (written === 0) return assert.equal(document.verdict, 'unknown', context);
  const subjects = (kind: string) =>
    document.problems
      .filter((problem) => problem.kind === kind)
      .map(({ subject }) => subject)
      .sort();
  const names = document.running.map(({ job_id, reported_id }) => reported_id ?? job_id).sort();
  assert.deepEqual(names, [...truth.running.keys()].sort(), context);
  assert.deepEqual(subjects('job_failed'), truth.failed.sort(), context);
  assert.equal(document.counts.completed, truth.completed.length, context);
  const stuck = subjects('job_stuck');
  for (const [job_id, { dead_ms, attempt }] of truth.running) {
    if (dead_ms === 0) assert.ok(!stuck.includes(job_id), `${job_id} is alive: ${context}`);
    // 30 minutes if nothing is known; three times the time for 10 %, or the longest pause that was seen.
    const limit_ms = Math.max(31 * MINUTE, (32 * attempt.pause_ms) / attempt.step, 3 * slack_ms + MINUTE);
    if (dead_ms > limit_ms) assert.ok(stuck.includes(job_id), `${job_id} is dead: ${context}`);
  }
  const alive = new Set(
    [...truth.running.values()].filter(({ dead_ms }) => dead_ms === 0).map(({ attempt }) => attempt.worker_id),
  );
  for (const worker of subjects('worker_quiet')) assert.ok(!alive.has(worker), `${worker} is alive: ${context}`);
  const waits = [...truth.waiting].filter(([, ms]) => ms > CHECK_DEFAULTS.queued_after_ms).map(([job_id]) => job_id);
  assert.deepEqual(subjects('job_waits'), waits.sort(), context);
  assert.equal(document.verdict, document.problems.length > 0 ? 'wrong' : 'well', context);
}

export type { History };
