/** The API document, made of the endpoints' own schemas: one table is the inventory, and nothing can be in one and not the other. */
import type { TSchema } from 'typebox';
import { Problem } from '../../../protocol/errors.ts';
import { MetricsPeriod } from '../../../protocol/system.ts';
import { bodySchema, type Endpoint } from '../endpoint.ts';
import { codeSamples } from './snippets.ts';

type Json = { [key: string]: unknown };

export function openApiDocument(endpoints: readonly Endpoint[], version: string): Json {
  const schemas: Json = {};
  const paths: Record<string, Json> = {};
  for (const one of endpoints) {
    const path = `/api/v1${one.path.replace(/:([a-z_]+)/g, '{$1}')}`;
    paths[path] ??= {};
    paths[path][one.method.toLowerCase()] = operation(one, schemas);
  }
  // Named by others only, or by every answer.
  for (const schema of [Problem, MetricsPeriod]) hoist(schema, schemas);
  return {
    openapi: '3.1.0',
    info: {
      title: 'transcription-monitor',
      version,
      description:
        'The control plane of a fleet of transcription workers. Errors are RFC 9457 problems with a stable `code`.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    tags: [...new Set(endpoints.map(tagOf))].map((name) => ({ name })),
    paths,
    components: { schemas },
  };
}

const tagOf = ({ operation: name }: Endpoint): string => name.split('.', 1)[0]!;

function operation(one: Endpoint, schemas: Json): Json {
  const answers = Object.entries(one.answers).map(([status, schema]) => [
    status,
    { description: describe(schema), content: contentOf(one.produces ?? ['application/json'], hoist(schema, schemas)) },
  ]);
  return {
    operationId: one.operation,
    tags: [tagOf(one)],
    summary: one.summary,
    'x-codeSamples': codeSamples(one.operation),
    parameters: [
      ...parametersOf(one.params, 'path'),
      ...parametersOf(one.query, 'query'),
      ...(one.method === 'GET' ? [MIN_SEQ] : []),
      ...headersOf(one),
    ],
    ...(one.body || one.consumes ? { requestBody: requestBody(one, schemas) } : {}),
    responses: {
      ...Object.fromEntries(answers),
      ...(one.etag ? { 304: { description: 'Nothing has changed since the version in If-None-Match' } } : {}),
      ...Object.fromEntries(problemsOf(one).map(([status, description]) => [status, problem(description)])),
      default: problem('What went wrong'),
    },
  };
}

/** Beyond what its own schemas say: 400 and 404 are the default's. */
function problemsOf(one: Endpoint): [status: number, description: string][] {
  const body: [number, string][] = [
    [408, 'The body stopped arriving'],
    [413, 'The body is too large'],
    [415, 'The body is of a type or charset that is not taken here'],
  ];
  const any_type = one.consumes?.includes('*/*');
  return [
    ...(bodySchema(one) || one.consumes ? body.filter(([status]) => status !== 415 || !any_type) : []),
    ...(one.produces && one.etag ? ([[416, 'The range lies beyond the end']] as [number, string][]) : []),
    ...(one.busy ? ([[429, 'Too many at the same time: send it again after Retry-After']] as [number, string][]) : []),
    [503, 'The monitor is starting, stopping, or its store does not answer: send it again after Retry-After'],
  ];
}

const problem = (description: string): Json => ({
  description,
  content: contentOf(['application/problem+json'], { $ref: '#/components/schemas/Problem' }),
});

/** What is not JSON is bytes or text, which a schema says nothing about. */
const contentOf = (types: readonly string[], schema: unknown): Json =>
  Object.fromEntries(types.map((type) => [type, type === 'application/octet-stream' ? {} : { schema }]));

function requestBody({ body, consumes }: Endpoint, schemas: Json): Json {
  if (consumes?.includes('*/*')) return { required: true, content: { '*/*': {}, 'multipart/form-data': FORM } };
  if (consumes) return { content: contentOf(consumes, { type: 'string' }) };
  const optional = JSON.stringify(body).includes('"type":"null"') && (body as { anyOf?: unknown }).anyOf !== undefined;
  return { required: !optional, content: { 'application/json': { schema: hoist(body!, schemas) } } };
}

const FORM: Json = {
  schema: {
    type: 'object',
    properties: {
      file: { type: 'string', contentMediaType: 'application/octet-stream' },
      name: { type: 'string', maxLength: 255 },
    },
    required: ['file'],
  },
};

function parametersOf(schema: TSchema | undefined, where: 'path' | 'query'): Json[] {
  const { properties = {}, required = [] } = (schema ?? {}) as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: where,
    required: where === 'path' || required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: rest,
  }));
}

const MIN_SEQ: Json = {
  name: 'min_seq',
  in: 'query',
  required: false,
  description: 'A Tmon-Seq: the answer waits until this instance has reached it.',
  schema: { type: 'integer', minimum: 0 },
};

function headersOf({ method, etag, headers = {} }: Endpoint): Json[] {
  const own = Object.entries(headers).map(([name, description]) => ({
    name,
    in: 'header',
    required: true,
    schema: { type: 'string' },
    description,
  }));
  if (method === 'GET') {
    if (!etag) return own;
    return [
      ...own,
      {
        name: 'If-None-Match',
        in: 'header',
        schema: { type: 'string' },
        description: 'An ETag: 304 while it is the newest.',
      },
    ];
  }
  if (method !== 'POST') return own;
  const description = 'The same key and request again is done once and answered as the first time.';
  return [...own, { name: 'Idempotency-Key', in: 'header', schema: { type: 'string', maxLength: 255 }, description }];
}

const describe = (schema: TSchema): string => (schema as { description?: string }).description ?? 'Done';

/** Moves every schema with an `$id` to the components, and leaves a reference. */
function hoist(value: unknown, schemas: Json): unknown {
  if (Array.isArray(value)) return value.map((one) => hoist(one, schemas));
  if (typeof value !== 'object' || value === null) return value;
  const { $id, $ref, ...rest } = value as Json;
  if (typeof $ref === 'string') return { ...rest, $ref: `#/components/schemas/${$ref.replace('#', '')}` };
  const inside = Object.fromEntries(Object.entries(rest).map(([name, one]) => [name, hoist(one, schemas)]));
  if (typeof $id !== 'string') return inside;
  schemas[$id] = inside;
  return { $ref: `#/components/schemas/${$id}` };
}
