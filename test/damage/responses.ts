/** Everything that a client can read from a monitor, as a flat table of paths and values for comparing two monitors. */
import { createHash } from 'node:crypto';
import type { Caller, Json } from '../servers/monitor.ts';
import type { FinishedStore } from './finished-store.ts';

/** The flat values of each response; `problem`: the text of an error, or the unreadable objects of a list. */
export type Responses = ReadonlyMap<string, ResponseValues>;
export type ResponseValues = { values: ReadonlyMap<string, string>; problem: string };

export async function readEverything(
  monitor: Caller,
  { job_ids, worker_ids, upload_ids }: FinishedStore,
): Promise<Map<string, ResponseValues>> {
  const responses = new Map<string, ResponseValues>();
  const paths = [
    ...job_ids.flatMap((id) => [`/jobs/${id}`, `/jobs/${id}/timeline`, `/jobs/${id}/transcript`]),
    '/workers?limit=1000',
    ...worker_ids.flatMap((id) => [`/workers/${id}`, `/workers/${id}/jobs`]),
    '/system/alerts',
    '/system/health',
    '/system/metrics',
    '/queues/main',
    '/queues/dlq',
    ...upload_ids.map((id) => `/uploads/${id}`),
  ];
  responses.set('/jobs', await readPages(monitor));
  await Promise.all(paths.map(async (path) => void responses.set(path, await read(monitor, path))));
  return responses;
}

async function readPages(monitor: Caller): Promise<ResponseValues> {
  const items: Json[] = [];
  let problem = '';
  for (let cursor = ''; ; ) {
    const { status, body, text } = await monitor.get(`/jobs?limit=20${cursor}`);
    if (status !== 200) return { values: new Map([['status', String(status)]]), problem: problem + text };
    items.push(...body.items);
    if (body.unreadable) problem += JSON.stringify(body.unreadable);
    if (body.next_cursor === null) break;
    cursor = `&cursor=${body.next_cursor}`;
  }
  return { values: flat({ items }), problem };
}

export async function read(monitor: Caller, path: string): Promise<ResponseValues> {
  // A part that is damaged after the first ends the connection.
  const response = await fetch(`${monitor.url}/api/v1${path}`);
  const bytes = await response.arrayBuffer().then(
    (buffer) => Buffer.from(buffer),
    (error: Error) => error,
  );
  if (bytes instanceof Error) return { values: new Map([['status', 'broken off']]), problem: '' };
  return valuesOf(response.status, response.headers.get('content-type') ?? '', bytes);
}

export function valuesOf(status: number, type: string, bytes: Buffer): ResponseValues {
  const values = new Map([['status', String(status)]]);
  if (status >= 400) return { values, problem: bytes.toString() };
  if (/json/.test(type)) for (const [path, value] of flat(JSON.parse(bytes.toString()))) values.set(path, value);
  else values.set('sha256', createHash('sha256').update(bytes).digest('hex'));
  return { values, problem: '' };
}

/** Items of lists are keyed by their id, so that an additional one moves no other. */
function flat(value: Json, path = '', into = new Map<string, string>()): Map<string, string> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      flat(item, `${path}[${item?.job_id ?? item?.worker_id ?? item?.id ?? index}]`, into);
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, field] of Object.entries(value)) flat(field, `${path}.${name}`, into);
  } else into.set(path, JSON.stringify(value));
  return into;
}

export type Difference = { path: string; field: string; is: string | undefined; was: string | undefined };

/** The differences of these responses from the true ones. */
export function differencesOf(responses: Responses, truth: Truth): Difference[] {
  const differences: Difference[] = [];
  for (const [path, values] of truth) {
    const response = responses.get(path);
    for (const [field, was] of values) {
      const is = response?.values.get(field);
      if (is !== was) differences.push({ path, field, is, was });
    }
  }
  return differences;
}

/** The values on which two undamaged runs agree. */
export type Truth = ReadonlyMap<string, ReadonlyMap<string, string>>;

export function truthOf(one: Responses, other: Responses): Truth {
  const truth = new Map<string, Map<string, string>>();
  for (const [path, { values }] of one) {
    const stable = [...values].filter(([field, value]) => other.get(path)?.values.get(field) === value);
    truth.set(path, new Map(stable));
  }
  return truth;
}
