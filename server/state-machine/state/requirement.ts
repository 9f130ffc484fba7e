/**
 * What a job requires of its worker, and whether a worker meets that. Jobs that require the same wait in one line, so that a
 * claim passes over a whole line instead of each of its jobs.
 */
import type { JobOptions } from '../../../protocol/job-options.ts';
import type { Requirements } from '../../../protocol/requirements.ts';
import type { JobRecord, WorkerRecord } from './records.ts';

type Required = {
  model?: string;
  language?: string;
  /** Names of options that its engine must know, sorted. */
  options?: string[];
  device?: string;
  /** Sorted. */
  tags?: string[];
};

/** A name without `|` and `~`, so that it can be part of a key; empty if every worker will do. */
export type Requirement = string;

export function requirementOf({ options, requires }: Pick<JobRecord, 'options' | 'requires'>): Requirement {
  if (options === undefined && requires === undefined) return '';
  const required = requiredBy(options, requires);
  return Object.keys(required).length === 0 ? '' : encodeURIComponent(JSON.stringify(required)).replaceAll('~', '%7E');
}

function requiredBy(options: JobOptions = {}, { device, tags = [] }: Requirements = {}): Required {
  const { model, language } = options;
  const names = Object.keys(options).filter((name) => name !== 'model');
  return {
    ...(model === undefined ? {} : { model }),
    ...(language === undefined ? {} : { language: baseOf(language) }),
    ...(names.length === 0 ? {} : { options: names.sort() }),
    ...(device === undefined ? {} : { device }),
    ...(tags.length === 0 ? {} : { tags: [...tags].sort() }),
  };
}

/** A claim asks for each of the lines. */
const READ_MAX = 10_000;
const read = new Map<Requirement, Required>();

function requiredIn(requirement: Requirement): Required {
  const known = read.get(requirement);
  if (known) return known;
  const required: Required = requirement === '' ? {} : JSON.parse(decodeURIComponent(requirement));
  if (read.size >= READ_MAX) read.clear();
  read.set(requirement, required);
  return required;
}

/** `de-CH` → `de`. */
const baseOf = (language: string): string => language.toLowerCase().split(/[-_]/)[0]!;

/** The models that jobs may name; empty if it has declared none. */
export const modelsIn = ({ model, models }: WorkerRecord['capabilities']): string[] => [
  ...(model == null ? [] : [model]),
  ...(models ?? []),
];

export const meets = (worker: Pick<WorkerRecord, 'capabilities'>, requirement: Requirement): boolean =>
  requirement === '' || missing(worker, requirement) === null;

/**
 * The first thing that the worker lacks, as `the model large-v3`; null if it lacks nothing. What a worker has not declared
 * about its engine is unknown, so it gets the job and says so if it cannot do it. A device and tags must be declared.
 */
export function missing({ capabilities }: Pick<WorkerRecord, 'capabilities'>, requirement: Requirement): string | null {
  const { model, language, options = [], device, tags = [] } = requiredIn(requirement);
  const { languages } = capabilities;
  const has = modelsIn(capabilities);
  if (model !== undefined && has.length > 0 && !has.includes(model)) return `the model ${model}`;
  if (language !== undefined && languages != null && !languages.some((one) => baseOf(one) === language))
    return `the language ${language}`;
  const unknown = options.find((name) => capabilities.options != null && !capabilities.options.includes(name));
  if (unknown !== undefined) return `the option ${unknown}`;
  if (device !== undefined && capabilities.device !== device) return `the device ${device}`;
  const lacks = tags.find((tag) => capabilities.tags?.includes(tag) !== true);
  return lacks === undefined ? null : `the tag ${lacks}`;
}
