/** Reads a file of alert rules and checks what its schema cannot: signals, labels, thresholds, templates and zones. */

import { LABEL_PATTERN, type Matcher, parseMatcher } from '../../../protocol/alert-labels.ts';
import { type AlertRuleEntry, AlertRulesFile, parseDuration, WEEKDAYS } from '../../../protocol/alert-rules.ts';
import { parseZone } from '../../../protocol/zone.ts';
import { type FileProblem, type Path, type Report, readYaml, suggestion } from '../../yaml-file.ts';
import { SIGNALS, type Signal } from '../signals.ts';
import { parseTemplate, referencesOf, type Template } from '../template.ts';
import { knownLabels, RESERVED_LABELS } from './known-labels.ts';
import { type AlertRule, type AlertRules, COMPARISONS, type Comparison, type Condition } from './rules.ts';

export type ReadRules = { rules: AlertRules; problems?: undefined } | { problems: FileProblem[]; rules?: undefined };

/** `defaults`: the file of the default rules, which this one adds to or changes; null for that file itself. */
export function readRules(text: string, defaults: AlertRulesFile | null): ReadRules {
  let rules: AlertRules | undefined;
  const read = readYaml(text, AlertRulesFile, (file, report) => {
    rules = rulesOf(file, file.defaults === false ? null : defaults, report);
  });
  return read.problems ? { problems: read.problems } : { rules: rules! };
}

function rulesOf(file: AlertRulesFile, defaults: AlertRulesFile | null, report: Report): AlertRules {
  const entries = file.rules ?? [];
  const before = new Map((defaults?.rules ?? []).map((entry) => [entry.name, entry]));
  const rules = new Map<string, AlertRule | null>();
  // Defaults are known to be right, so only a rule that changes one can be wrong.
  for (const entry of before.values()) rules.set(entry.name, ruleOf(entry, unreported));
  const seen = new Set<string>();
  for (const [index, entry] of entries.entries()) {
    const path = ['rules', index] as const;
    if (seen.has(entry.name)) report([...path, 'name'], `there is another rule ${JSON.stringify(entry.name)}`);
    seen.add(entry.name);
    const whole = merged(before.get(entry.name), entry);
    rules.set(
      entry.name,
      ruleOf(whole, (below, message, at) => report([...path, ...below], message, at)),
    );
  }
  const enabled = [...rules.values()].filter((rule) => rule !== null);
  const known = knownLabels({ rules: enabled });
  return {
    rules: enabled,
    inhibitions: inhibitionsOf(
      file.inhibitions ? file : (defaults ?? file),
      known,
      file.inhibitions ? report : unreported,
    ),
    mute_times: muteTimesOf(file, known, report),
  };
}

const unreported: Report = (path, message) => {
  throw new Error(`the default alert rules are wrong at ${path.join('.')}: ${message}`);
};

/** A condition replaces that of the default; everything else is field by field. */
function merged(before: AlertRuleEntry | undefined, entry: AlertRuleEntry): AlertRuleEntry {
  if (!before) return entry;
  const kept = { ...before };
  if ([...COMPARISONS, 'absent' as const].some((name) => entry[name] !== undefined)) {
    for (const name of [...COMPARISONS, 'absent'] as const) delete kept[name];
  }
  return { ...kept, ...entry };
}

/** Null if the rule is off, or wrong. */
function ruleOf(entry: AlertRuleEntry, report: Report): AlertRule | null {
  if (entry.signal === undefined) {
    report(['name'], `${JSON.stringify(entry.name)} is no default rule, so "signal" is required`);
    return null;
  }
  const signal = SIGNALS.get(entry.signal);
  if (!signal) {
    report(
      ['signal'],
      `there is no signal ${JSON.stringify(entry.signal)}${suggestion(entry.signal, [...SIGNALS.keys()])}`,
    );
    return null;
  }
  const condition = conditionOf(entry, signal, report);
  const labels = labelsOf(entry, signal, report);
  const for_seconds = durationOf(entry.for ?? 0, ['for'], report);
  const allowed = {
    labels: [...RESERVED_LABELS, ...signal.labels, ...Object.keys(labels)],
    details: condition?.kind === 'absent' ? [] : signal.details,
  };
  const summary = templateOf(entry.summary ?? `${entry.name}: {{ value }}`, ['summary'], allowed, report);
  const description =
    entry.description === undefined ? null : templateOf(entry.description, ['description'], allowed, report);
  const where = matchersOf(entry.where ?? [], ['where'], new Set(signal.labels), report);
  if (!condition || !summary || entry.enabled === false) return null;
  return {
    name: entry.name,
    signal,
    where,
    condition,
    for_ms: Math.round(for_seconds * 1000),
    severity: entry.severity ?? 'WARNING',
    labels,
    summary,
    description,
    runbook_url: entry.runbook_url ?? null,
  };
}

function conditionOf(entry: AlertRuleEntry, signal: Signal, report: Report): Condition | null {
  const given = COMPARISONS.filter((name) => entry[name] !== undefined);
  const all = entry.absent ? [...given, 'absent'] : given;
  if (all.length !== 1) {
    const found = all.length === 0 ? 'none' : all.join(' and ');
    report([all[1] ?? 'name'], `exactly one of ${COMPARISONS.join(', ')} and absent is required; there is ${found}`);
    return null;
  }
  if (entry.absent) return { kind: 'absent' };
  const kind = given[0] as Comparison;
  const value = entry[kind]!;
  if (typeof value === 'number') return { kind, threshold: value };
  const seconds = signal.unit === 'seconds' ? parseDuration(value) : null;
  if (seconds !== null) return { kind, threshold: seconds };
  const form = signal.unit === 'seconds' ? 'a number of seconds or a duration like 30m' : 'a number';
  report([kind], `${JSON.stringify(value)} is not ${form}`);
  return null;
}

function labelsOf(entry: AlertRuleEntry, signal: Signal, report: Report): Record<string, string> {
  const labels = entry.labels ?? {};
  for (const name of Object.keys(labels)) {
    const path = ['labels', name];
    if (!new RegExp(LABEL_PATTERN).test(name)) {
      report(path, `${JSON.stringify(name)} is not a name of a label: lower-case letters, digits and _`, 'key');
    } else if (RESERVED_LABELS.has(name) || signal.labels.includes(name)) {
      report(path, `the label ${name} is set by the ${RESERVED_LABELS.has(name) ? 'rule' : 'signal'} itself`, 'key');
    }
  }
  return labels;
}

function durationOf(value: number | string, path: Path, report: Report): number {
  const seconds = parseDuration(value);
  if (seconds === null) report(path, `${JSON.stringify(value)} is not a duration like 90s, 30m, 12h or 7d`);
  return seconds ?? 0;
}

function templateOf(
  text: string,
  path: Path,
  allowed: { labels: readonly string[]; details: readonly string[] },
  report: Report,
): Template | null {
  let template: Template;
  try {
    template = parseTemplate(text);
  } catch (error) {
    report(path, (error as Error).message);
    return null;
  }
  for (const { of, name } of referencesOf(template)) {
    if (!allowed[of].includes(name)) report(path, `there is no ${of}.${name}${suggestion(name, allowed[of])}`);
  }
  return template;
}

function matchersOf(texts: readonly string[], path: Path, known: ReadonlySet<string>, report: Report): Matcher[] {
  return texts.flatMap((text, index) => {
    try {
      const matcher = parseMatcher(text);
      if (!known.has(matcher.name)) {
        report([...path, index], `there is no label ${matcher.name}${suggestion(matcher.name, [...known])}`);
      }
      return [matcher];
    } catch (error) {
      report([...path, index], (error as Error).message);
      return [];
    }
  });
}

function inhibitionsOf(file: AlertRulesFile, known: ReadonlySet<string>, report: Report): AlertRules['inhibitions'] {
  return (file.inhibitions ?? []).map(({ source, target, equal = [] }, index) => {
    const path = ['inhibitions', index];
    for (const [at, name] of equal.entries()) {
      if (!known.has(name)) report([...path, 'equal', at], `there is no label ${name}${suggestion(name, [...known])}`);
    }
    return {
      source: matchersOf(source, [...path, 'source'], known, report),
      target: matchersOf(target, [...path, 'target'], known, report),
      equal,
    };
  });
}

function muteTimesOf(file: AlertRulesFile, known: ReadonlySet<string>, report: Report): AlertRules['mute_times'] {
  return (file.mute_times ?? []).map((entry, index) => {
    const path = ['mute_times', index];
    const { name, match = [], weekdays = WEEKDAYS, from = '00:00', until = '24:00' } = entry;
    const times = { from: minutesOf(from), until: minutesOf(until) };
    if (times.from === times.until) report([...path, 'until'], `it begins and ends at ${from}`);
    if (times.from === 24 * 60) report([...path, 'from'], '24:00 can only be an end');
    let zone: AlertRules['mute_times'][number]['zone'] = 0;
    try {
      zone = parseZone(entry.zone);
    } catch (error) {
      report([...path, 'zone'], (error as Error).message);
    }
    return {
      name,
      match: matchersOf(match, [...path, 'match'], known, report),
      zone,
      weekdays: weekdays.map((day) => WEEKDAYS.indexOf(day)),
      ...times,
    };
  });
}

function minutesOf(text: string): number {
  const [hours = '0', minutes = '0'] = text.split(':');
  return Number(hours) * 60 + Number(minutes);
}
