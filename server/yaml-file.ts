/**
 * Reads a YAML file against a schema. Every problem is reported with its line and column: of the text itself, of the shape
 * (an unknown or missing field, a wrong type), and of what a further check finds.
 */
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import type { Static, TSchema } from 'typebox';
import { type Document, isMap, isPair, isScalar, LineCounter, parseDocument } from 'yaml';
import { distance } from './nearest.ts';

export type FileProblem = { line: number; column: number; message: string };

export type Path = readonly (string | number)[];

/** Reports a problem with the value at `path`; with `key`, of the name of that field. */
export type Report = (path: Path, message: string, at?: 'key') => void;

export type YamlFile<T> = { value: T; problems?: undefined } | { problems: FileProblem[]; value?: undefined };

/** The largest file that is read. */
export const FILE_BYTES_MAX = 1024 * 1024;

export function readYaml<S extends TSchema>(
  text: string,
  schema: S,
  check: (value: Static<S>, report: Report) => void = () => {},
): YamlFile<Static<S>> {
  if (text.length > FILE_BYTES_MAX)
    return { problems: [{ line: 1, column: 1, message: 'the file is larger than 1 MiB' }] };
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: false });
  const problems: FileProblem[] = [];
  const add = (offset: number, message: string) => {
    const { line, col } = lines.linePos(offset);
    problems.push({ line: Math.max(1, line), column: Math.max(1, col), message });
  };
  const report: Report = (path, message, at) => add(offsetOf(document, path, at === 'key'), message);
  for (const { pos, message } of document.errors) add(pos[0], message);
  if (problems.length > 0) return { problems };
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (error) {
    return { problems: [{ line: 1, column: 1, message: (error as Error).message }] };
  }
  const validate = validatorOf(schema);
  if (!validate(value)) for (const error of validate.errors ?? []) reportError(error, value, report);
  else check(value as Static<S>, report);
  if (problems.length > 0) return { problems: problems.sort((a, b) => a.line - b.line || a.column - b.column) };
  return { value: value as Static<S> };
}

/** `alerts.yaml:12:7: unknown field "sevrity"; did you mean "severity"?` */
export const formatProblem = (file: string, { line, column, message }: FileProblem): string =>
  `${file}:${line}:${column}: ${message}`;

const ajv = new Ajv({ allErrors: true, strict: false, verbose: true });
const validators = new WeakMap<TSchema, ValidateFunction>();

function validatorOf(schema: TSchema): ValidateFunction {
  const known = validators.get(schema);
  if (known) return known;
  const validate = ajv.compile(schema as object);
  validators.set(schema, validate);
  return validate;
}

function offsetOf(document: Document, path: Path, key: boolean): number {
  if (key && path.length > 0) {
    const parent = document.getIn(path.slice(0, -1), true) ?? document.contents;
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === path.at(-1));
      if (pair && isScalar(pair.key)) return pair.key.range?.[0] ?? 0;
    }
  }
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true) as { range?: [number, number, number] } | undefined;
    if (node?.range) return node.range[0];
  }
  return (document.contents as { range?: [number, number, number] } | null)?.range?.[0] ?? 0;
}

function reportError(error: ErrorObject, root: unknown, report: Report): void {
  const path = pathOf(error.instancePath, root);
  const { keyword, params, parentSchema, data } = error;
  // The branches of an anyOf say less than the anyOf itself.
  if (error.schemaPath.includes('/anyOf/')) return;
  switch (keyword) {
    case 'additionalProperties': {
      const name = String(params.additionalProperty);
      const known = Object.keys((parentSchema as { properties?: object }).properties ?? {});
      return report([...path, name], `unknown field ${JSON.stringify(name)}${suggestion(name, known)}`, 'key');
    }
    case 'required':
      return report(path, `${JSON.stringify(params.missingProperty)} is missing`);
    case 'enum':
      return report(path, `must be one of ${(params.allowedValues as unknown[]).join(', ')}, not ${shown(data)}`);
    case 'type':
      return report(path, `must be ${article(String(params.type))}, not ${shown(data)}`);
    case 'anyOf': {
      const { description } = parentSchema as { description?: string };
      return report(path, `must be ${description ?? 'another value'}, not ${shown(data)}`);
    }
    case 'pattern': {
      const { description } = parentSchema as { description?: string };
      return report(path, `${shown(data)} is not allowed: ${description ?? error.message}`);
    }
    default:
      report(path, error.message ?? 'is wrong');
  }
}

/** `; did you mean …?` if one of the known names is close or longer. */
export function suggestion(name: string, known: readonly string[]): string {
  const [closest] = known
    .map((one) => ({ one, distance: name.length > 2 && one.startsWith(name) ? 1 : distance(name, one) }))
    .filter((near) => near.distance <= Math.max(1, Math.floor(near.one.length / 3)))
    .sort((a, b) => a.distance - b.distance);
  if (closest) return `; did you mean ${JSON.stringify(closest.one)}?`;
  return known.length > 0 && known.length <= 40 ? `; there are ${known.join(', ')}` : '';
}

/** A JSON pointer as a path; a number where the value there is a list. */
function pathOf(pointer: string, root: unknown): (string | number)[] {
  const path: (string | number)[] = [];
  let at = root;
  for (const part of pointer.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    const step = Array.isArray(at) ? Number(name) : name;
    path.push(step);
    at = (at as Record<string | number, unknown>)[step];
  }
  return path;
}

const article = (type: string): string => TYPES[type] ?? `a ${type}`;

/** In the words of a person who writes a file. */
const TYPES: Readonly<Record<string, string>> = {
  array: 'a list',
  object: 'a mapping of names to values',
  integer: 'a whole number',
  boolean: 'true or false',
  string: 'text',
};

function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'a mapping';
  return JSON.stringify(value)?.slice(0, 80) ?? 'nothing';
}
