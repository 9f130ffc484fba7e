/** For the command line: when alert rules would have fired, replayed from a store. Nothing in it is created, changed or locked. */
import { MonitorError } from '../protocol/errors.ts';
import { Backtest, type Firing } from './alerts/backtest.ts';
import { defaultRules, readAlertRules } from './alerts/rules/defaults.ts';
import type { AlertRule, AlertRules } from './alerts/rules/rules.ts';
import { OBSERVED_SIGNALS } from './alerts/signals.ts';
import { type Clock, systemClock } from './clock.ts';
import { type Settings, s3Headers } from './config.ts';
import { identify } from './journal/format.ts';
import { openPast } from './journal/past-reader.ts';
import { NO_TRACES, readTraces } from './journal/traces.ts';
import { openStore } from './objects/open-store.ts';
import type { ObjectStore } from './objects/store.ts';
import { Fold } from './state-machine/apply/fold.ts';
import { type FileProblem, formatProblem } from './yaml-file.ts';

export type { FileProblem, Firing };
export { formatProblem };

export type BacktestReport = {
  firings: readonly Firing[];
  /** Log time from which on the rules were evaluated: later than asked if the journal does not go back that far. */
  from_ms: number;
  to_ms: number;
  /** Rules on signals that are not in the journal. */
  left_out: readonly string[];
};

/** Checks a file of alert rules. */
export function checkRules(text: string): { rules: AlertRules } | { problems: FileProblem[] } {
  const read = readAlertRules(text);
  return read.problems ? { problems: read.problems } : { rules: read.rules };
}

export const defaultAlertRules = (): AlertRules => defaultRules();

/** Throws MonitorError, StoreError, JournalError. */
export async function backtestAt(
  settings: Settings,
  { rules, since_ms, clock = systemClock }: { rules: readonly AlertRule[]; since_ms: number; clock?: Clock },
): Promise<BacktestReport> {
  const store = await openStore(settings.store, { clock, lock: false, create: false, s3: s3Headers(settings) });
  try {
    return await backtestStore(store, { rules, since_ms, now_ms: clock.now() });
  } finally {
    await store.close();
  }
}

/** When these rules would have fired since then. Throws MonitorError, StoreError, JournalError. */
export type Backtesting = (rules: readonly AlertRule[], since_ms: number) => Promise<BacktestReport>;

export async function backtestStore(
  store: ObjectStore,
  { rules, since_ms, now_ms }: { rules: readonly AlertRule[]; since_ms: number; now_ms: number },
): Promise<BacktestReport> {
  const identity = await identify(store, { traces: await readTraces(store, NO_TRACES), traceKeys: NO_TRACES });
  if (!identity) {
    throw new MonitorError('not_found', 'no_journal', `${store.url} holds no journal`, {
      hint: 'Name the store that the monitor was started with: --store URL',
    });
  }
  const past = await openPast(store, identity.journal_id, since_ms);
  if (!past) {
    throw new MonitorError('not_found', 'no_past', 'the store has no segments and snapshots to replay from', {
      hint: 'Keep more of the journal with --retention-ms of the monitor.',
    });
  }
  const replayable = rules.filter(({ signal }) => !OBSERVED_SIGNALS.has(signal.name));
  const fold = new Fold();
  if (past.rows) fold.restore(past.rows);
  const backtest = new Backtest(replayable, fold.state, since_ms);
  for await (const segment of past.segments()) {
    backtest.advance(fold.state, segment.at_ms);
    fold.replay(segment);
  }
  const to_ms = Math.max(now_ms, fold.state.at_ms);
  backtest.advance(fold.state, to_ms);
  const left_out = rules.filter((rule) => !replayable.includes(rule)).map(({ name }) => name);
  return { firings: backtest.firings, from_ms: Math.max(past.from_ms, since_ms), to_ms, left_out };
}
