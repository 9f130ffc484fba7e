/** The default rules, from `defaults.yaml`, which is a file of alert rules like any other. */
import { readFileSync } from 'node:fs';
import { AlertRulesFile } from '../../../protocol/alert-rules.ts';
import { formatProblem, readYaml } from '../../yaml-file.ts';
import { type ReadRules, readRules } from './read-rules.ts';
import type { AlertRules } from './rules.ts';

export const DEFAULTS_PATH = new URL('./defaults.yaml', import.meta.url);

let defaults: { file: AlertRulesFile; rules: AlertRules } | undefined;

function load(): { file: AlertRulesFile; rules: AlertRules } {
  if (defaults) return defaults;
  const text = readFileSync(DEFAULTS_PATH, 'utf8');
  const { value, problems } = readYaml(text, AlertRulesFile);
  if (problems) throw new Error(problems.map((problem) => formatProblem('defaults.yaml', problem)).join('\n'));
  const read = readRules(text, null);
  if (read.problems) throw new Error(read.problems.map((one) => formatProblem('defaults.yaml', one)).join('\n'));
  defaults = { file: value, rules: read.rules };
  return defaults;
}

export const defaultRules = (): AlertRules => load().rules;

/** Rules of a file that adds to the default ones or changes them. */
export const readAlertRules = (text: string): ReadRules => readRules(text, load().file);
