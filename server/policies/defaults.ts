/** The default policies, from `defaults.yaml`, which is a file of policies like any other. */
import { readFileSync } from 'node:fs';
import { PoliciesFile } from '../../protocol/policies.ts';
import { formatProblem, readYaml } from '../yaml-file.ts';
import type { Policies } from './policies.ts';
import { type ReadPolicies, readPoliciesFile } from './read-policies.ts';

export const DEFAULTS_PATH = new URL('./defaults.yaml', import.meta.url);

let defaults: { file: PoliciesFile; policies: Policies } | undefined;

function load(): { file: PoliciesFile; policies: Policies } {
  if (defaults) return defaults;
  const text = readFileSync(DEFAULTS_PATH, 'utf8');
  const { value, problems } = readYaml(text, PoliciesFile);
  if (problems) throw new Error(problems.map((problem) => formatProblem('defaults.yaml', problem)).join('\n'));
  const read = readPoliciesFile(text, null);
  if (read.problems) throw new Error(read.problems.map((one) => formatProblem('defaults.yaml', one)).join('\n'));
  defaults = { file: value, policies: read.policies };
  return defaults;
}

export const defaultPolicies = (): Policies => load().policies;

/** Policies of a file that adds to the default ones or changes them. */
export const readPolicies = (text: string): ReadPolicies => readPoliciesFile(text, load().file);
