/**
 * Values that a schema accepts, drawn from a seed, extremes first: bounds, 0, -0, tiny differences, longest texts, odd
 * characters.
 */

import type { TSchema } from 'typebox';
import { LABEL_PATTERN } from '../../protocol/alert-labels.ts';
import { ID_PATTERN } from '../../protocol/ids.ts';
import { AudioUrl } from '../../protocol/job.ts';
import { TENANT_PATTERN } from '../../protocol/tenant-id.ts';
import { TRACEPARENT } from '../../protocol/trace-context.ts';
import type { Chance } from '../simulation/chance.ts';

/** The keywords of JSON Schema that the protocol uses. */
type Schema = {
  type?: string;
  const?: unknown;
  enum?: readonly unknown[];
  anyOf?: readonly Schema[];
  properties?: Record<string, Schema>;
  required?: readonly string[];
  patternProperties?: Record<string, Schema>;
  propertyNames?: Schema;
  maxProperties?: number;
  items?: Schema;
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  format?: string;
};

export class Values {
  readonly #chance: Chance;
  readonly #ids: readonly string[];

  /** `ids`: the value of every id, so that values refer to each other. */
  constructor(chance: Chance, ids: readonly string[]) {
    this.#chance = chance;
    this.#ids = ids;
  }

  of<T = never>(schema: TSchema): T {
    return this.#of(schema as Schema) as T;
  }

  #of(schema: Schema): unknown {
    if ('const' in schema) return schema.const;
    if (schema.enum) return this.#chance.pick(schema.enum);
    if (schema.anyOf) return this.#of(this.#chance.pick(schema.anyOf));
    switch (schema.type) {
      case 'object':
        return schema.patternProperties ? this.#record(schema) : this.#object(schema);
      case 'array':
        return this.#array(schema);
      case 'string':
        return this.#string(schema);
      case 'number':
      case 'integer':
        return this.#number(schema);
      case 'boolean':
        return this.#chance.happens(0.5);
      case 'null':
        return null;
      default:
        throw new Error(`no generator is known for ${JSON.stringify(schema).slice(0, 200)}`);
    }
  }

  #object({ properties = {}, required = [] }: Schema): Record<string, unknown> {
    const value: Record<string, unknown> = {};
    for (const [name, schema] of Object.entries(properties)) {
      if (required.includes(name) || this.#chance.happens(0.6)) value[name] = this.#of(schema);
    }
    return value;
  }

  #record({ patternProperties = {}, propertyNames = { type: 'string' }, maxProperties = 4 }: Schema) {
    const [schema] = Object.values(patternProperties);
    const value: Record<string, unknown> = {};
    const size = this.#chance.happens(0.05) ? maxProperties : this.#chance.whole(0, 2);
    for (let i = 0; i < size; i++) value[this.#string({ ...propertyNames, type: 'string' })] = this.#of(schema!);
    return value;
  }

  #array({ items = {}, minItems = 0, maxItems = 4, uniqueItems = false }: Schema): unknown[] {
    const size = this.#chance.happens(0.05) ? Math.min(maxItems, 40) : this.#chance.whole(minItems, minItems + 2);
    const values = Array.from({ length: size }, () => this.#of(items));
    return uniqueItems ? [...new Set(values)] : values;
  }

  #number({ type, minimum = 0, maximum = Number.MAX_SAFE_INTEGER }: Schema): number {
    const chance = this.#chance;
    if (type === 'integer') {
      return chance.pick([
        minimum,
        maximum,
        Math.min(maximum, minimum + 1),
        maximum - 1,
        chance.whole(minimum, maximum),
      ]);
    }
    const between = chance.between(minimum, maximum);
    const near = Math.min(maximum, 45);
    const tiny = [5e-324, 1e-300, 1e-9].filter((number) => number >= minimum && number <= maximum);
    const zeros = minimum <= 0 ? [0, -0] : [];
    return chance.pick([
      minimum,
      maximum,
      between,
      near,
      near * (1 - 2 ** -52),
      maximum * (1 - 2 ** -53),
      ...zeros,
      ...tiny,
    ]);
  }

  #string(schema: Schema): string {
    const { pattern, format, minLength = 0, maxLength = 200 } = schema;
    if (format === 'date-time') return this.#time();
    if (pattern !== undefined) {
      const made = this.#matching(pattern, maxLength);
      if (!new RegExp(pattern, 'u').test(made)) throw new Error(`${made} is not ${pattern}`);
      return made;
    }
    const text = this.#chance.happens(0.05)
      ? this.#chance.pick(['é', '😀', '"']).repeat(maxLength)
      : this.#chance.pick(ODD);
    return [...text.padEnd(minLength, 'x')].slice(0, maxLength).join('');
  }

  #time(): string {
    const { happens, pick, whole } = bound(this.#chance);
    if (happens(0.4)) return pick(ODD_TIMES);
    return new Date(NOW_MS + whole(-2, 2) * pick([1, 1_000, 60_000, 3_600_000, 86_400_000])).toISOString();
  }

  #matching(pattern: string, maxLength: number): string {
    switch (pattern) {
      case ID_PATTERN:
        return this.#chance.pick(this.#ids);
      case AUDIO_URL:
        return this.#chance.pick([
          's3://a/b?c',
          'https://user:word@host/x?signature=1#2',
          'upload://upload-1/ä 😀.mp3',
          `s3://b/${'k'.repeat(maxLength - 7)}`,
        ]);
      case '^https?://[^\\s]+$':
        return 'https://example.org/hook';
      case '^[a-z0-9_]{1,64}$':
        return this.#chance.pick(['worker_error', 'worker_drained', 'gpu_out_of_memory', '_'.repeat(64)]);
      case '^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,2}$':
        return this.#chance.pick(['en', 'pt-BR', 'zh_Hant_TW']);
      case '^[a-z][a-z0-9_]{0,63}$':
        return this.#chance.pick(['beam_size', 'constructor', 'x'.repeat(64)]);
      case '^[A-Za-z0-9][A-Za-z0-9._:=/-]{0,63}$':
        return this.#chance.pick(['eu', 'gpu=a10g', 'constructor', '0', `t${'/'.repeat(63)}`]);
      case TENANT_PATTERN:
        return this.#chance.pick(['acme', 'zebra', 'constructor', '0', 'a'.repeat(32)]);
      case LABEL_PATTERN:
        return this.#chance.pick(['alertname', 'severity', 'worker', 'constructor', 'l'.repeat(64)]);
      case TRACEPARENT:
        return this.#chance.pick([
          `00-${'a1'.repeat(16)}-${'0f'.repeat(8)}-01`,
          `00-${'f'.repeat(32)}-${'f'.repeat(16)}-ff`,
        ]);
      default:
        throw new Error(`no text is known for ${pattern}`);
    }
  }
}

const bound = (chance: Chance) => ({
  happens: chance.happens.bind(chance),
  pick: chance.pick.bind(chance),
  whole: chance.whole.bind(chance),
});

/** Also for types that may be null. */
const patternOf = (schema: TSchema): string | undefined =>
  (schema as Schema).pattern ?? (schema as { anyOf?: Schema[] }).anyOf?.find(({ pattern }) => pattern)?.pattern;
const AUDIO_URL = patternOf(AudioUrl);

/** The start time of histories of these values. */
export const NOW_MS = Date.parse('2025-07-07T19:30:00Z');

const ODD = [
  '',
  'word',
  '__proto__',
  'constructor',
  'a\u0000b\n\r\t',
  '\ud800 half a pair',
  '\u2028\u202e\ufeff',
  'ﬁ ı İ ß ŉ',
  '😀👩‍👩‍👧',
  '-0',
  '../../etc',
];

const ODD_TIMES = [
  '0000-01-01T00:00:00Z',
  '0000-01-01T00:00:00+23:59',
  '1969-12-31T23:59:59.999Z',
  '1970-01-01T00:00:00Z',
  '2024-02-29T23:59:59.9999999Z',
  '2025-07-07t19:30:00z',
  '9999-12-31T23:59:59.999Z',
  '9999-12-31T23:59:59-23:59',
];
