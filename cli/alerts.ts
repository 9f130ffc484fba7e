/** `tmon alerts`: alerts, silences and alert rules. */
import { userInfo } from 'node:os';
import { Command, Option } from 'commander';
import type { Alert, EffectiveAlertRules, Silence } from '../protocol/alert.ts';
import { formatMatcher, type Matcher, parseMatcher } from '../protocol/alert-labels.ts';
import type { AlertStatusQuery, ListedAlert } from '../sdk/typescript/index.ts';
import { CommandError, EXIT } from './exit-code.ts';
import { type ClientOptions, clientCommand, clientOf, moment } from './options.ts';
import { colour, isTerminal, note, printJson, printLine, printTable } from './output.ts';
import { span } from './span.ts';

type ByOptions = ClientOptions & { by: string };
type SilenceOptions = ByOptions & {
  alert?: string;
  for?: number;
  until?: string;
  untilResolved?: boolean;
  comment: string;
};

export function alertsCommand(): Command {
  const alerts = new Command('alerts').description('Alerts: list, acknowledge, silence; check and test their rules.');
  alerts.addCommand(
    clientCommand('list')
      .description('List alerts, oldest first.')
      .addOption(
        new Option('--status <status>').choices(['firing', 'pending', 'unresolved', 'resolved']).default('firing'),
      )
      .action(list),
    { isDefault: true },
  );
  alerts.addCommand(
    byCommand('ack')
      .description('Acknowledge an alert: it notifies nobody until it is resolved.')
      .argument('<alert>')
      .action(async (id: string, options: ByOptions) => {
        const { by } = options;
        const alert = await clientOf(options).system.acknowledgeAlert(id, { by });
        printAlert(alert, options, `acknowledged by ${alert.acknowledged?.by}`);
      }),
  );
  alerts.addCommand(
    byCommand('resolve')
      .description('Resolve an alert; it is raised again only after its condition has cleared.')
      .argument('<alert>')
      .action(async (id: string, options: ByOptions) => {
        const alert = await clientOf(options).system.resolveAlert(id, { by: options.by });
        printAlert(alert, options, `resolved by ${alert.resolved_by}`);
      }),
  );
  alerts.addCommand(
    byCommand('silence')
      .description('Silence the alerts that all matchers select: worker=gpu-*, severity!=CRITICAL.')
      .argument('[matcher...]')
      .option('--alert <alert>', 'the labels of this alert, in place of matchers')
      .option('--for <time>', 'how long: 30m, 2h, 7d', span)
      .option('--until <time>', 'until when: 2025-07-07T22:00:00Z', moment)
      .option('--until-resolved', 'until the alerts that it selects now are resolved')
      .option('--comment <text>', 'why', '')
      .action(silence),
  );
  alerts.addCommand(clientCommand('silences').description('List silences that have not ended.').action(silences));
  alerts.addCommand(
    clientCommand('unsilence')
      .description('End a silence now.')
      .argument('<silence>')
      .action(async (id: string, options: ClientOptions) => {
        const ended = await clientOf(options).system.endSilence(id);
        if (options.json) printJson(ended);
        else printLine(`${ended.id} has ended`);
      }),
  );
  alerts.addCommand(clientCommand('rules').description('List the alert rules that apply.').action(rules));
  alerts.addCommand(
    new Command('check')
      .description('Check a file of alert rules. Exit code 1: it has a mistake.')
      .argument('<file>')
      .addOption(new Option('--json', 'JSON, one problem per line'))
      .action(async (file: string, options: { json?: boolean }) => {
        await (await import('./alerts/check.ts')).checkFile(file, options);
      }),
  );
  alerts.addCommand(
    new Command('test')
      .description('When a rule, or those of a file, would have fired: replays the journal of a store.')
      .argument('<rule-or-file>', 'a default rule, one of --alert-rules, or a file of rules')
      .option('--since <time>', 'from when on: 2025-07-07, or 12h, 7d ago', moment, moment('7d'))
      .option('--store <url>', 'dir:PATH or s3://bucket/prefix (default: TMON_STORE, or ./data)')
      .option('--alert-rules <file>', 'the file that has the rule (default: TMON_ALERT_RULES)')
      .addOption(new Option('--json', 'JSON, one alert per line'))
      .action(async (what: string, options: { since: string; store?: string; alertRules?: string; json?: boolean }) => {
        await (await import('./alerts/test.ts')).testRules(what, options);
      }),
  );
  return alerts;
}

const byCommand = (name: string): Command =>
  clientCommand(name).option('--by <name>', 'who does it', userInfo().username || 'tmon');

async function list(options: ClientOptions & { status: AlertStatusQuery }): Promise<void> {
  const found: ListedAlert[] = [];
  for await (const alert of clientOf(options).system.alerts({ status: options.status, limit: 1000 })) found.push(alert);
  if (options.json) {
    for (const alert of found) printJson(alert);
    return;
  }
  if (found.length === 0 && isTerminal()) return note(`no alert is ${options.status}`);
  printTable(
    ['ALERT', 'SEVERITY', 'STATUS', 'SINCE', 'RULE', 'MESSAGE', 'SUPPRESSED'],
    found.map((alert) => [
      alert.id,
      colour(alert.severity === 'CRITICAL' ? 'red' : 'yellow', alert.severity),
      alert.status,
      alert.resolved_at ?? alert.fired_at ?? alert.created_at,
      alert.rule,
      alert.message,
      alert.suppressed === null ? '–' : `${alert.suppressed.by} ${alert.suppressed.id}`,
    ]),
  );
}

function printAlert(alert: Alert, { json }: ClientOptions, done: string): void {
  if (json) printJson(alert);
  else printLine(`${alert.id} ${done}: ${alert.message}`);
}

async function silence(texts: readonly string[], options: SilenceOptions): Promise<void> {
  const api = clientOf(options).system;
  const ends = [options.for, options.until, options.untilResolved].filter((end) => end !== undefined);
  if (ends.length !== 1) {
    throw new CommandError(
      EXIT.usage,
      'a silence requires one end',
      'Use --for 2h, --until 2025-07-07T22:00:00Z or --until-resolved.',
    );
  }
  if ((texts.length === 0) === (options.alert === undefined)) {
    throw new CommandError(
      EXIT.usage,
      'a silence requires matchers or --alert',
      'tmon alerts silence worker=gpu-* --for 2h',
    );
  }
  const matchers = options.alert === undefined ? texts.map(matcherOf) : matchersFor(await api.alert(options.alert));
  const ends_at = options.for === undefined ? options.until : new Date(Date.now() + options.for).toISOString();
  const created = await api.createSilence({
    matchers,
    created_by: options.by,
    comment: options.comment,
    ...(options.untilResolved ? { until_resolved: true } : { ends_at: ends_at! }),
  });
  printSilences([created], options);
}

function matcherOf(text: string): Matcher {
  try {
    return parseMatcher(text);
  } catch (error) {
    throw new CommandError(EXIT.usage, (error as Error).message, 'tmon alerts silence worker=gpu-* --for 2h');
  }
}

/** Exactly this alert: its severity may change. */
const matchersFor = ({ labels }: Alert): Matcher[] =>
  Object.entries(labels).flatMap(([name, value]) => (name === 'severity' ? [] : [{ name, op: '=', value }]));

async function silences(options: ClientOptions): Promise<void> {
  const found: Silence[] = [];
  for await (const one of clientOf(options).system.silences()) found.push(one);
  if (found.length === 0 && isTerminal() && !options.json) return note('there is no silence');
  printSilences(found, options);
}

function printSilences(found: readonly Silence[], { json }: ClientOptions): void {
  if (json) {
    for (const one of found) printJson(one);
    return;
  }
  printTable(
    ['SILENCE', 'MATCHERS', 'FROM', 'UNTIL', 'BY', 'COMMENT'],
    found.map(({ id, matchers, starts_at, ends_at, until_resolved, created_by, comment }) => [
      id,
      matchers.map(formatMatcher).join(' '),
      starts_at,
      ends_at ?? `resolved: ${until_resolved?.join(' ')}`,
      created_by,
      comment || '–',
    ]),
  );
}

async function rules(options: ClientOptions): Promise<void> {
  const effective = await clientOf(options).system.alertRules();
  if (options.json) return printJson(effective);
  if (effective.problem !== null) note(`the earlier rules apply: ${effective.problem}`);
  printTable(
    ['RULE', 'SEVERITY', 'CONDITION', 'FOR', 'LABELS'],
    effective.rules.map((rule) => [
      rule.name,
      rule.severity,
      conditionOf(rule),
      rule.for_seconds === 0 ? '–' : `${rule.for_seconds} s`,
      Object.entries(rule.labels)
        .map(([name, value]) => `${name}=${value}`)
        .join(' ') || '–',
    ]),
  );
}

function conditionOf({ signal, where, condition, threshold }: EffectiveAlertRules['rules'][number]): string {
  const selected = where.length === 0 ? signal : `${signal}{${where.map(formatMatcher).join(',')}}`;
  return threshold === null ? `${selected} ${condition}` : `${selected} ${condition} ${threshold}`;
}
