/** One random history in one system and zone, looked at in random moments, with a memory and without. */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { CheckDocument } from '../../protocol/check.ts';
import { reportedId } from '../../protocol/reported-id.ts';
import { DAY_MS } from '../../protocol/time.ts';
import { offsetInZone, type Zone } from '../../protocol/zone.ts';
import { Check } from '../../sources/check/check.ts';
import { CHECK_DEFAULTS } from '../../sources/check/judge.ts';
import { CheckMemory } from '../../sources/check/memory.ts';
import { openSource } from '../../sources/open-source.ts';
import { Chance } from '../simulation/chance.ts';
import { type History, historyOf, SPAN_MS, type Truth, truthAt } from './fleet-history.ts';
import type { Language, Reporters } from './reporters.ts';
import { type Server, TIME_COLUMNS } from './servers.ts';
import { BY_HAND, openByHand, openReported, REPORTED, type System, ZONES } from './systems.ts';

const MINUTE = 60_000;
const LANGUAGES: readonly Language[] = ['typescript', 'python'];
const WRITERS = ['by hand', ...LANGUAGES] as const;
const { signal } = new AbortController();

/** Where the histories are written. */
export type Trials = {
  /** Left empty. */
  folder: string;
  reporters: Readonly<Record<Language, Reporters>>;
  /** Otherwise logs, files and tables in the folder. */
  server?: Server;
};

type Opened = { name: string; system: System; zone: Zone };

/** Throws if the check says anything else than the history. */
export async function runTrial(seed: number, { folder, reporters, server }: Trials): Promise<void> {
  const chance = new Chance(seed);
  const zone = chance.pick(ZONES);
  const place = join(folder, `${seed}`);
  mkdirSync(place);
  const writers = server !== undefined && server.byHand === undefined ? LANGUAGES : WRITERS;
  const writer = chance.pick(writers);
  const kind = chance.pick(writer === 'by hand' ? BY_HAND : REPORTED);
  const form = chance.pick(TIME_COLUMNS);
  // Systems have clocks of their own, which are those of now.
  const months: [number, number] = [chance.whole(0, 11), chance.whole(1, 28)];
  const from_ms =
    writer === 'by hand' && server === undefined
      ? apartFromClockChanges(Date.UTC(2026, ...months, chance.whole(0, 23), chance.whole(0, 59)), zone)
      : Math.floor(Date.now() / MINUTE) * MINUTE - SPAN_MS - 60 * MINUTE;
  const open = async (): Promise<Opened> => {
    if (server !== undefined) {
      const at = { zone, from_ms, seed };
      if (writer !== 'by hand') return { name: writer, system: await server.reported(reporters[writer], at), zone: 0 };
      return { name: `${writer}, ${form}`, system: await server.byHand!(form, at), zone };
    }
    const name = `${writer}, ${kind}`;
    if (writer !== 'by hand')
      return { name, system: openReported(kind as (typeof REPORTED)[number], place, reporters[writer]), zone: 0 };
    return { name, system: openByHand(kind as (typeof BY_HAND)[number], place, zone), zone };
  };
  const queued = writer === 'by hand' && (server !== undefined || !kind.endsWith('log'));
  const history = historyOf(chance, from_ms, { queued });
  const memory = new CheckMemory();
  const moments = Array.from({ length: 6 }, () => from_ms + chance.whole(0, SPAN_MS)).sort((a, b) => a - b);
  let written = 0;
  let gap_ms = 0;
  let before_ms = moments[0]!;
  const { name, system, zone: read_zone } = await open();
  const zones = writer === 'by hand' ? { zone: read_zone } : {};
  try {
    for (const now_ms of moments) {
      const until = history.reports.findIndex(({ at_ms }) => at_ms > now_ms);
      const reports = history.reports.slice(written, until === -1 ? undefined : until);
      written += reports.length;
      if (reports.length > 0) await system.write(reports);
      await system.reach?.(now_ms);
      gap_ms = Math.max(gap_ms, now_ms - before_ms);
      for (const [kept, slack_ms] of [
        [memory, gap_ms],
        [new CheckMemory(), 0],
      ] as const) {
        const source = await openSource(system.url, zones);
        const document = await new Check([source], { local_minutes: 0 }, kept).run(now_ms, signal);
        await source.close();
        const said = `seed ${seed}, ${name} in ${zone}, ${kept === memory ? 'with' : 'without'} memory, at ${new Date(now_ms).toISOString()}`;
        const truth = truthAt(history, now_ms, now_ms - CHECK_DEFAULTS.since_ms);
        const seen_ms = kept === memory ? before_ms : 0;
        agree(document, truth, { said, slack_ms, written, seen_ms, monitor: system.reach !== undefined });
      }
      before_ms = now_ms;
    }
  } finally {
    await system.close();
    rmSync(place, { recursive: true });
  }
}

/** A time near it: of an hour that clocks show twice nobody can say which it was. */
function apartFromClockChanges(from_ms: number, zone: Zone): number {
  const offset = (days: number) => offsetInZone(from_ms + days * DAY_MS, zone);
  return offset(-1) === offset(2) ? from_ms : from_ms + 7 * DAY_MS;
}

/** `seen_ms`: of the look before. */
type Looked = { said: string; slack_ms: number; written: number; seen_ms: number; monitor: boolean };

function agree(document: CheckDocument, truth: Truth, { said, slack_ms, written, seen_ms, monitor }: Looked): void {
  const context = `${said}\n${JSON.stringify([document.says, document.problems, document.warnings], null, 1)}`;
  // A monitor without a job says so itself.
  if (written === 0) return assert.equal(document.verdict, monitor ? 'well' : 'unknown', context);
  const subjects = (kind: string) =>
    document.problems
      .filter((problem) => problem.kind === kind)
      .map(({ subject }) => subject)
      .sort();
  // A monitor is told ids.
  const named = (names: Iterable<string>) =>
    [...names].map((name) => (monitor ? reportedId(name)!.job_id : name)).sort();
  const names = document.running.map(({ job_id, reported_id }) => reported_id ?? job_id).sort();
  assert.deepEqual(names, named(truth.running.keys()), context);
  assert.deepEqual(subjects('job_failed'), named(truth.failed), context);
  assert.equal(document.counts.completed, truth.completed.length, context);
  const alive = new Set(
    [...truth.running.values()].filter(({ dead_ms }) => dead_ms === 0).map(({ attempt }) => attempt.worker_id),
  );
  const stuck = subjects('job_stuck');
  const zoned = document.warnings.filter(({ kind }) => kind === 'zone').map(({ subject }) => subject);
  for (const worker of zoned) assert.ok(!alive.has(worker), `${worker} is alive: ${context}`);
  for (const [name, { dead_ms, attempt }] of truth.running) {
    const [job_id] = named([name]) as [string];
    if (dead_ms === 0) assert.ok(!stuck.includes(job_id), `${job_id} is alive: ${context}`);
    // 30 minutes if nothing is known; three times the time for 10 %, or the longest pause that was seen.
    const limit_ms = Math.max(31 * MINUTE, (32 * attempt.pause_ms) / attempt.step, 3 * slack_ms + MINUTE);
    // At a first look, a worker that has died may be one of another zone: then that is not known.
    const doubted = zoned.includes(attempt.worker_id) && attempt.last_ms > seen_ms;
    if (dead_ms > limit_ms && !doubted) assert.ok(stuck.includes(job_id), `${job_id} is dead: ${context}`);
  }
  for (const worker of subjects('worker_quiet')) assert.ok(!alive.has(worker), `${worker} is alive: ${context}`);
  const waits = [...truth.waiting].filter(([, ms]) => ms > CHECK_DEFAULTS.queued_after_ms).map(([job_id]) => job_id);
  assert.deepEqual(subjects('job_waits'), waits.sort(), context);
  const verdict = document.problems.length > 0 ? 'wrong' : zoned.length > 0 ? 'unknown' : 'well';
  assert.equal(document.verdict, verdict, context);
}

export type { History };
