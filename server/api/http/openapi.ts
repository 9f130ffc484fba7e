/** The API document, generated from the table of endpoints and their schemas, so the two cannot differ. */
import type { TSchema } from 'typebox';
import { Problem } from '../../../protocol/errors.ts';
import { AlertsNotification, JobNotification } from '../../../protocol/notification.ts';
import { MetricsPeriod, MetricsShare } from '../../../protocol/system.ts';
import { bodySchema, type Endpoint } from '../endpoint.ts';
import { codeSamples } from './snippets.ts';

type Json = { [key: string]: unknown };

export function openApiDocument(endpoints: readonly Endpoint[], version: string): Json {
  const schemas: Json = {};
  const paths: Record<string, Json> = {};
  for (const endpoint of endpoints) {
    const path = `/api/v1${endpoint.path.replace(/:([a-z_]+)/g, '{$1}')}`;
    paths[path] ??= {};
    paths[path][endpoint.method.toLowerCase()] = operation(endpoint, schemas);
  }
  // Problem is in every response, the others only inside other schemas.
  for (const schema of [Problem, MetricsPeriod, MetricsShare]) hoist(schema, schemas);
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
    webhooks: {
      job: webhook(JobNotification, 'To the `webhook_url` of a job that ended', schemas),
      alerts: webhook(AlertsNotification, 'To a destination of alerts', schemas),
    },
    components: { schemas, securitySchemes: SECURITY_SCHEMES },
  };
}

const tagOf = ({ operation: name }: Endpoint): string => name.split('.', 1)[0]!;

function operation(endpoint: Endpoint, schemas: Json): Json {
  const responses = Object.entries(endpoint.responses).map(([status, schema]) => [
    status,
    {
      description: describe(schema),
      content: contentOf(endpoint.produces ?? ['application/json'], hoist(schema, schemas)),
    },
  ]);
  return {
    operationId: endpoint.operation,
    tags: [tagOf(endpoint)],
    summary: endpoint.summary,
    'x-permission': endpoint.permission,
    security: securityOf(endpoint),
    'x-codeSamples': codeSamples(endpoint.operation),
    parameters: [
      ...parametersOf(endpoint.params, 'path'),
      ...parametersOf(endpoint.query, 'query'),
      ...(endpoint.method === 'GET' ? [MIN_SEQ] : []),
      ...headersOf(endpoint),
    ],
    ...(endpoint.body || endpoint.consumes ? { requestBody: requestBody(endpoint, schemas) } : {}),
    responses: {
      ...Object.fromEntries(responses),
      ...(endpoint.etag ? { 304: { description: 'Not modified since the version in If-None-Match' } } : {}),
      ...Object.fromEntries(problemsOf(endpoint).map(([status, description]) => [status, problem(description)])),
      default: problem('Any other error'),
    },
  };
}

/** Of a monitor with keys; one without them ignores the header. */
const SECURITY_SCHEMES: Json = {
  bearer: { type: 'http', scheme: 'bearer', description: 'An API key, `tmk_…`, or a token for one job, `tmt_…`' },
  api_key: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'The same' },
};

function securityOf({ permission }: Endpoint): Json[] {
  if (permission === 'open') return [];
  const keys = [{ bearer: [] }, { api_key: [] }];
  return permission === 'optional' ? [{}, ...keys] : keys;
}

/** What the monitor sends. Signed by Standard Webhooks if it has a `webhook_secret`. */
function webhook(schema: TSchema, summary: string, schemas: Json): Json {
  const header = (name: string, description: string) => ({
    name,
    in: 'header',
    description,
    schema: { type: 'string' },
  });
  return {
    post: {
      summary,
      parameters: [
        header('webhook-id', 'The same for each attempt: a message that was handled before is to be ignored.'),
        header('webhook-timestamp', 'Of this attempt, seconds since 1970.'),
        header('webhook-signature', 'One or more signatures, each `v1,` and base64, separated by spaces.'),
      ],
      requestBody: { required: true, content: contentOf(['application/json'], hoist(schema, schemas)) },
      responses: {
        '2XX': { description: 'Delivered.' },
        410: { description: 'It is not sent again.' },
        default: { description: 'It is sent again later.' },
      },
    },
  };
}

/** Responses not covered by the endpoint's schemas. 400 and 404 fall under `default`. */
function problemsOf(endpoint: Endpoint): [status: number, description: string][] {
  const body: [number, string][] = [
    [408, 'The body stopped arriving'],
    [413, 'The body is too large'],
    [415, 'The type or charset of the body is not supported'],
  ];
  const any_type = endpoint.consumes?.includes('*/*');
  return [
    ...(bodySchema(endpoint) || endpoint.consumes ? body.filter(([status]) => status !== 415 || !any_type) : []),
    ...(endpoint.produces && endpoint.etag ? ([[416, 'The range starts beyond the end']] as [number, string][]) : []),
    ...(endpoint.busy ? ([[429, 'Too many at the same time: try again after Retry-After']] as [number, string][]) : []),
    [503, 'The monitor is starting or stopping, or its store is not responding: try again after Retry-After'],
  ];
}

const problem = (description: string): Json => ({
  description,
  content: contentOf(['application/problem+json'], { $ref: '#/components/schemas/Problem' }),
});

/** Bytes have no schema. */
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
  description: 'A Tmon-Seq: waits until this instance has reached it.',
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
        description: 'An ETag: returns 304 while it is current.',
      },
    ];
  }
  if (method !== 'POST') return own;
  const description = 'A request repeated with the same key takes effect once and returns the first result.';
  return [...own, { name: 'Idempotency-Key', in: 'header', schema: { type: 'string', maxLength: 255 }, description }];
}

const describe = (schema: TSchema): string => (schema as { description?: string }).description ?? 'Success';

/** Moves every schema with an `$id` to the components and replaces it with a reference. */
function hoist(value: unknown, schemas: Json): unknown {
  if (Array.isArray(value)) return value.map((item) => hoist(item, schemas));
  if (typeof value !== 'object' || value === null) return value;
  const { $id, $ref, ...rest } = value as Json;
  if (typeof $ref === 'string') return { ...rest, $ref: `#/components/schemas/${$ref.replace('#', '')}` };
  const inside = Object.fromEntries(Object.entries(rest).map(([name, member]) => [name, hoist(member, schemas)]));
  if (typeof $id !== 'string') return inside;
  schemas[$id] = inside;
  return { $ref: `#/components/schemas/${$id}` };
}
