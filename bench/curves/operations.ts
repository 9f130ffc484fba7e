/** What is measured while so many jobs wait. */
import { type Agent, request } from 'node:http';

export type Call = (method: string, path: string, body?: unknown) => Promise<Body>;
// biome-ignore lint/suspicious/noExplicitAny: whatever the monitor responds.
type Body = any;

/** Of the jobs that wait: the operations ask for some of them. */
export type Filled = { count: number; some_ids: readonly string[]; deep_cursor: string };

export type Operation = {
  name: string;
  /** Less often than the others, because it takes long or uses up jobs. */
  rarely?: true;
  run(call: Call, filled: Filled, n: number): Promise<unknown>;
};

export const WORKER = 'curves-worker';
const SUBMISSION = { audio_url: 's3://recordings/one.mp3' };

export const OPERATIONS: readonly Operation[] = [
  { name: 'get a job', run: (call, { some_ids }, n) => call('GET', `/jobs/${some_ids[n % some_ids.length]}`) },
  { name: 'list, first 100', run: (call) => call('GET', '/jobs') },
  { name: 'list, deep', run: (call, { deep_cursor }) => call('GET', `/jobs?cursor=${deep_cursor}`) },
  { name: 'list, tag of 1 in 1,000', run: (call) => call('GET', '/jobs?tag=customer-123') },
  { name: 'list, tag of none', run: (call) => call('GET', '/jobs?tag=customer-none') },
  { name: 'list, text of none', run: (call) => call('GET', '/jobs?q=no-such-recording') },
  { name: 'list, text of one', run: (call, { count }) => call('GET', `/jobs?q=call-${Math.floor(count / 3)}.mp3`) },
  { name: 'list, created after now', run: (call) => call('GET', `/jobs?created_after=${new Date().toISOString()}`) },
  { name: 'list, priority of none', run: (call) => call('GET', '/jobs?priority=high') },
  { name: 'list, worker and state of none', run: (call) => call('GET', `/jobs?worker_id=${WORKER}&state=QUEUED`) },
  { name: 'queue', run: (call) => call('GET', '/queues/main') },
  { name: 'health', run: (call) => call('GET', '/system/health') },
  { name: 'metrics document', run: (call) => call('GET', '/system/metrics') },
  { name: 'submit', run: (call) => call('POST', '/jobs', SUBMISSION) },
  { name: 'claim and complete', run: (call) => claimed(call, 1) },
  { name: 'claim 100', rarely: true, run: (call) => claimed(call, 100) },
  {
    name: 'submit and cancel',
    run: async (call) => call('DELETE', `/jobs/${(await call('POST', '/jobs', SUBMISSION)).job_id}`),
  },
  {
    name: 'purge, dry, of none',
    run: (call) => call('POST', '/queues/main/purge', { dry_run: true, filter: { tag: 'customer-none' } }),
  },
  {
    name: 'purge of none',
    run: (call) => call('POST', '/queues/main/purge', { filter: { tag: 'customer-none' } }),
  },
];

/** Claims jobs and hands them back as completed, so that nothing is held afterwards. */
async function claimed(call: Call, max_jobs: number): Promise<void> {
  const { jobs } = await call('POST', `/workers/${WORKER}/claim`, { max_jobs });
  const output = { s3_path: 's3://transcripts/one.json', segments_count: 1 };
  const complete = ({ job, lease }: Body) =>
    call('POST', `/jobs/${job.job_id}/complete`, { lease_token: lease.token, output });
  await Promise.all(jobs.map(complete));
}

/** Calls of the API, over connections that stay open. Rejects if the status is 400 or more. */
export function callerOf(url: string, agent: Agent): Call {
  return (method, path, body) =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const headers = text === undefined ? {} : { 'content-type': 'application/json' };
      const sent = request(`${url}/api/v1${path}`, { method, agent, headers }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () => {
          const received = Buffer.concat(parts).toString();
          if (response.statusCode! >= 400)
            return reject(new Error(`${method} ${path}: ${response.statusCode} ${received}`));
          resolve(received === '' ? null : JSON.parse(received));
        });
        response.on('error', reject);
      });
      sent.on('error', reject);
      sent.end(text);
    });
}
