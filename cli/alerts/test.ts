/** `tmon alerts test RULE|FILE`: when rules would have fired, from the journal of a store. */
import { existsSync } from 'node:fs';
import { formatTime, parseTime } from '../../protocol/time.ts';
import { backtestAt, checkRules, defaultAlertRules, formatProblem } from '../../server/backtest.ts';
import { CommandError, EXIT } from '../exit-code.ts';
import { note, printJson, printTable } from '../output.ts';
import { settingsOf } from '../serve.ts';
import { readRulesFile } from './check.ts';

type TestOptions = { since: string; store?: string; alertRules?: string; json?: boolean };

export async function testRules(what: string, { since, store, alertRules, json }: TestOptions): Promise<void> {
  const settings = settingsOf({ store, alertRules });
  const rules = await rulesOf(what, settings.alert_rules);
  const since_ms = parseTime(since);
  const { firings, from_ms, to_ms, left_out } = await backtestAt(settings, { rules, since_ms });
  if (from_ms > since_ms) {
    note(`the journal goes back to ${formatTime(from_ms)}; --retention-ms of the monitor keeps more of it`);
  }
  if (left_out.length > 0) note(`not in the journal, so left out: ${left_out.join(', ')}`);
  const shown = firings.map(({ rule, subject, labels, message, created_ms, fired_ms, resolved_ms }) => ({
    rule,
    subject,
    labels,
    message,
    created_at: formatTime(created_ms),
    fired_at: formatTime(fired_ms),
    resolved_at: resolved_ms === null ? null : formatTime(resolved_ms),
  }));
  if (json) {
    for (const firing of shown) printJson(firing);
    return;
  }
  printTable(
    ['RULE', 'SUBJECT', 'HELD SINCE', 'FIRED', 'RESOLVED', 'MESSAGE'],
    shown.map(({ rule, subject, created_at, fired_at, resolved_at, message }) => [
      rule,
      subject ?? '–',
      created_at,
      fired_at,
      resolved_at ?? 'fires',
      message,
    ]),
  );
  note(`${firings.length} alerts from ${formatTime(from_ms)} to ${formatTime(to_ms)}`);
}

async function rulesOf(what: string, file: string) {
  if (existsSync(what)) return checked(what, await readRulesFile(what)).rules;
  const { rules } = file === '' ? defaultAlertRules() : checked(file, await readRulesFile(file));
  const named = rules.filter(({ name }) => name === what);
  if (named.length > 0) return named;
  throw new CommandError(
    EXIT.not_found,
    `there is no rule and no file ${what}`,
    `The rules are ${rules.map(({ name }) => name).join(', ')}.`,
  );
}

function checked(file: string, text: string) {
  const read = checkRules(text);
  if ('rules' in read) return read.rules;
  const problems = read.problems.map((problem) => formatProblem(file, problem));
  throw new CommandError(EXIT.usage, problems.join('\n'), `\`tmon alerts check ${file}\` checks the file.`);
}
