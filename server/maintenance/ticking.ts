/**
 * The passing of time: submits a tick when a timer is due, and periodically for the alerts. A tick with nothing to do
 * writes no segment, so an idle fleet costs nothing.
 *
 * No lease expires and no silence counts for one lease time after a period in which workers could not report: after a
 * start, while the store accepts no writes, and after this process was suspended for half a lease.
 */

import { EVALUATION_MS } from '../alerts/evaluation.ts';
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine.ts';
import { newId, newUlid } from '../ids.ts';
import { UNREMEMBERED } from '../state-machine/apply/apply.ts';
import type { Acting } from '../state-machine/decide/actions.ts';
import { nextDue } from '../state-machine/decide/time.ts';
import { hasVerdictNews, nextToJudge } from '../state-machine/decide/verdicts.ts';
import { Duty } from './duty.ts';
import type { StoreRules } from './store-rules.ts';

/** Interval between verdicts while jobs run: a dead worker is to be found within 10 s of the first heartbeat that it misses. */
const VERDICTS_MS = 2_000;
/** Interval between ticks while many timers are due. */
const SOONEST_MS = 20;
const LATEST_MS = 1_000;
/** Alerts that one tick may raise; the next one raises the rest. */
const ALERT_IDS = 256;
/** Messages about alerts that one tick may make. */
const NOTICE_IDS = 32;

export type TickingOptions = {
  engine: Engine;
  clock: Clock;
  log: (level: 'warn', message: string) => void;
  rules?: StoreRules;
  /** What this instance can do when a policy acts; without it none does. */
  acting?: () => Acting;
  /** Configuration files, which may be invalid. */
  files?: readonly { problem: string | null | undefined }[];
};

export function ticking({ engine, clock, log, rules, acting, files = [] }: TickingOptions): Duty {
  const { lease_ms } = engine.policy;
  let spared_until_ms = clock.monotonic() + lease_ms;
  let turned_ms = clock.monotonic();
  let turned_at_ms = engine.journal.now();
  /** The last multiple of EVALUATION_MS for which the alert rules were evaluated. */
  let evaluated: number | null = null;
  const observed = () => ({
    store_rule: rules?.harm,
    commit_seconds: engine.commit_seconds,
    config_invalid: problemOf(files.map(({ problem }) => problem)),
  });
  /** Running jobs from this ordinal on are judged next, at this time. */
  let judge_from = 0;
  let judge_ms = 0;
  return new Duty({
    name: 'ticking',
    clock,
    failure_ms: LATEST_MS,
    log,
    async run() {
      const now_ms = clock.monotonic();
      const at_ms = engine.journal.now();
      // Log time includes a suspend of the machine; its monotonic clock may not.
      const away_ms = Math.max(now_ms - turned_ms, at_ms - turned_at_ms);
      if (!engine.journal.status.writable || away_ms > LATEST_MS + lease_ms / 2) spared_until_ms = now_ms + lease_ms;
      turned_ms = now_ms;
      turned_at_ms = at_ms;
      const expire = now_ms >= spared_until_ms;
      const wait_ms = (nextDue(engine.state, expire) ?? Number.POSITIVE_INFINITY) - engine.journal.now();
      const slot = Math.floor(at_ms / EVALUATION_MS);
      // With the tick for a timer that is due in a moment, if there is one.
      const evaluate = slot !== evaluated && !(wait_ms > 0 && wait_ms <= SOONEST_MS);
      const from = judge_from;
      let judge = false;
      if (now_ms >= judge_ms) {
        judge_from = nextToJudge(engine.state, from);
        const runs = engine.state.tables.jobs_by_state.PROCESSING.size > 0;
        judge_ms = now_ms + (judge_from > 0 ? LATEST_MS / 2 : runs ? VERDICTS_MS : EVALUATION_MS);
        // A tick without news would still write the reports that wait, which costs a put.
        judge = expire && hasVerdictNews(engine.state, from, at_ms);
      }
      if ((wait_ms <= 0 || evaluate || judge) && engine.journal.status.writable) {
        if (evaluate) evaluated = slot;
        const ids = evaluate ? Array.from({ length: ALERT_IDS }, () => newId('alert')) : [];
        const notice_ids = evaluate ? Array.from({ length: NOTICE_IDS }, () => `alerts-${newUlid()}`) : [];
        const before = engine.state.seq;
        await engine.submit({
          id: `${UNREMEMBERED}${newUlid()}`,
          fingerprint: '',
          actor: 'monitor',
          body: {
            type: 'tick',
            ids,
            expire,
            evaluate,
            observed: observed(),
            judge_from: judge ? from : null,
            notice_ids,
            ...(evaluate && acting ? { acting: acting() } : {}),
          },
        });
        // A due timer without an event: not again at once.
        if (engine.state.seq === before && wait_ms <= 0) return { again_ms: LATEST_MS };
      }
      const next_ms = (nextDue(engine.state, expire) ?? Number.POSITIVE_INFINITY) - engine.journal.now();
      const evaluation_ms = EVALUATION_MS - (engine.journal.now() % EVALUATION_MS);
      return { again_ms: Math.min(LATEST_MS, evaluation_ms, Math.max(SOONEST_MS, next_ms)) };
    },
  });
}

/** Null if every file that there is could be read; undefined without any. */
const problemOf = (problems: readonly (string | null | undefined)[]): string | null | undefined =>
  problems.find((problem) => problem) ?? problems.find((problem) => problem !== undefined);
