/** When alert rules would have fired: the journal of this store, replayed with the rules that apply or with others. */
import { AlertBacktest, BacktestRequest } from '../../../protocol/alert.ts';
import { MonitorError } from '../../../protocol/errors.ts';
import { DAY_MS, formatTime, parseTime } from '../../../protocol/time.ts';
import { readAlertRules } from '../../alerts/rules/defaults.ts';
import type { AlertRule } from '../../alerts/rules/rules.ts';
import type { ApiContext } from '../context.ts';
import { endpoint } from '../endpoint.ts';

/** A replay holds a second state and takes a processor for a while. */
const running = new WeakSet<ApiContext>();

export const backtestEndpoints = [
  endpoint({
    method: 'POST',
    path: '/system/alert-rules/backtest',
    operation: 'system.backtestAlertRules',
    permission: 'fleet',
    summary: 'Get when alert rules would have fired, from the journal; one backtest at a time',
    body: BacktestRequest,
    responses: { 200: AlertBacktest },
    busy: true,
    async run(context, { body: { rules: text, since } }) {
      const { engine, backtest } = context;
      const rules = text === undefined ? engine.policy.alerts.rules : parsed(text);
      if (running.has(context)) {
        throw new MonitorError('busy', 'backtest_running', 'another backtest is under way', {
          hint: 'Send the request again in a moment.',
          retry_after_seconds: 2,
        });
      }
      running.add(context);
      try {
        const since_ms = since === undefined ? engine.journal.now() - DAY_MS : parseTime(since);
        const { firings, from_ms, to_ms, left_out } = await backtest(rules, since_ms);
        return {
          from: formatTime(Math.max(from_ms, since_ms)),
          to: formatTime(to_ms),
          firings: firings.map(({ created_ms, fired_ms, resolved_ms, ...firing }) => ({
            ...firing,
            created_at: formatTime(created_ms),
            fired_at: formatTime(fired_ms),
            resolved_at: resolved_ms === null ? null : formatTime(resolved_ms),
          })),
          left_out: [...left_out],
        };
      } finally {
        running.delete(context);
      }
    },
  }),
];

function parsed(text: string): readonly AlertRule[] {
  const read = readAlertRules(text);
  if (!read.problems) return read.rules.rules;
  const errors = read.problems.map(({ line, column, message }) => ({
    field: `line ${line}, column ${column}`,
    message,
  }));
  throw new MonitorError(
    'invalid',
    'invalid_rules',
    `the rules are not valid: ${errors[0]!.field}: ${errors[0]!.message}`,
    {
      errors,
      hint: 'docs/alerts.md describes the file.',
    },
  );
}
