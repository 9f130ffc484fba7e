/** The setting `ingest_rules`: a job's options by the URL of its recording. */
import { readFile } from 'node:fs/promises';
import { MonitorError } from '../../../protocol/errors.ts';
import type { JobSubmission } from '../../../protocol/job.ts';
import type { Validate } from './understand.ts';

export type IngestRule = { prefix: string; suffix: string; options: Omit<JobSubmission, 'audio_url'> };

/**
 * JSON, or the path of a file with it. Throws MonitorError('invalid') that names the rule and what is wrong with it.
 */
export async function readIngestRules(setting: string, validate: Validate): Promise<IngestRule[]> {
  if (setting.trim() === '') return [];
  const text = /^\s*\[/.test(setting)
    ? setting
    : await readFile(setting, 'utf8').catch((cause) => {
        throw bad(`the file ${setting} can't be read: ${cause.message}`);
      });
  const rules = parse(text);
  if (!Array.isArray(rules)) throw bad('they are not an array');
  return rules.map((rule, index) => readRule(rule, `rule ${index + 1}`, validate));
}

function readRule(rule: unknown, name: string, validate: Validate): IngestRule {
  if (typeof rule !== 'object' || rule === null || Array.isArray(rule)) throw bad(`${name} is not an object`);
  const { prefix = '', suffix = '', options = {}, ...rest } = rule as Record<string, unknown>;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) throw bad(`${name} has an unknown field ${unknown}`);
  if (typeof prefix !== 'string' || typeof suffix !== 'string') throw bad(`${name}: prefix and suffix are text`);
  if (typeof options !== 'object' || options === null) throw bad(`${name}: options is not an object`);
  const checked = validate({ ...options, audio_url: 's3://bucket/key.mp3' });
  if ('why' in checked) throw bad(`${name}: ${checked.why}`);
  return { prefix, suffix, options: options as IngestRule['options'] };
}

/** Of the first rule that the URL matches; none if no rule matches. */
export function optionsFor(rules: readonly IngestRule[], url: string): IngestRule['options'] {
  return rules.find(({ prefix, suffix }) => url.startsWith(prefix) && url.endsWith(suffix))?.options ?? {};
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw bad(`they are not JSON: ${(cause as Error).message}`);
  }
}

const bad = (what: string): MonitorError =>
  new MonitorError('invalid', 'bad_setting', `ingest_rules: ${what}`, {
    hint: 'For example [{"prefix": "s3://bucket/calls/", "suffix": ".mp3", "options": {"priority": "high"}}], or a file with that.',
  });
