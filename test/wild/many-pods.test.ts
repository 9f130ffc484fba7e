/**
 * Lines of many pods in one stream, as `kubectl logs -f --prefix`, `stern` and `docker compose logs` write them. The forms are ours,
 * written after their documentation: there is no cluster for these programs to read from.
 */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import type { DatedEvent } from '../../sources/log-lines/dated-event.ts';
import { openStandardInput } from '../../sources/log-lines/standard-input.ts';

const ESCAPE = '\u001b';
const NOW = Date.UTC(2026, 10, 27, 10, 1);

type Form = { line: (pod: string, time: string, text: string) => string; undated?: true };

const FORMS: Record<string, Form> = {
  'kubectl logs --prefix': { undated: true, line: (pod, _, text) => `[pod/${pod}/worker] ${text}` },
  'kubectl logs --prefix --timestamps': { line: (pod, time, text) => `[pod/${pod}/worker] ${time} ${text}` },
  stern: {
    undated: true,
    line: (pod, _, text) => `${ESCAPE}[36m${pod}${ESCAPE}[0m ${ESCAPE}[96mworker${ESCAPE}[0m ${text}`,
  },
  'stern --timestamps': {
    line: (pod, time, text) =>
      `${ESCAPE}[36m${pod}${ESCAPE}[0m ${ESCAPE}[96mworker${ESCAPE}[0m ${time.replace('Z', '000000+00:00')} ${text}`,
  },
  'stern 1.10 and older': { undated: true, line: (pod, _, text) => `${pod} › worker ${text}` },
  'docker compose logs': { undated: true, line: (pod, _, text) => `${pod}  | ${text}` },
};

/** Three pods; each of them is a story of its own. */
const STORY: [pod: string, time: string, text: string][] = [
  ['pod-a', '10:00:01.100', 'JOB_START job_id=job-a worker_id=worker-a'],
  ['pod-b', '10:00:01.200', 'JOB_START job_id=job-b worker_id=worker-b'],
  ['pod-a', '10:00:02.100', 'Traceback (most recent call last):'],
  ['pod-b', '10:00:02.200', 'JOB_PROGRESS job_id=job-b percentage=45'],
  ['pod-a', '10:00:02.300', '  File "worker.py", line 3, in run'],
  ['pod-b', '10:00:02.350', '2026-11-27 INFO nothing about a job'],
  ['pod-a', '10:00:02.400', '    "JOB_FAILED job_id=job-b error=boom",'],
  ['pod-b', '10:00:02.450', 'JOB_PROGRESS job_id=job-b percentage=50'],
  ['pod-a', '10:00:02.500', '    log.error("JOB_COMPLETE job_id=job-c")'],
  ['pod-a', '10:00:02.600', 'RuntimeError: GPU out of memory'],
  ['pod-a', '10:00:03.100', 'JOB_FAILED job_id=job-a error=GPU out of memory'],
  [
    'pod-b',
    '10:00:03.200',
    'TRANSCRIPTION_EVENT {"event": "JOB_PROGRESS", "job_id": "job-b", "worker_id": "worker-b", "timestamp": "2026-11-27T10:00:03.200Z", "percentage": 60}',
  ],
  ['pod-c', '10:00:03.300', 'JOB_START job_id=job-c worker_id=worker-c'],
  ['pod-a', '10:00:03.350', 'JOB_START job_id=job-a worker_id=worker-a'],
  ['pod-c', '10:00:03.400', 'JOB_COMPLETE job_id=job-c duration=3'],
];

/** What stern says about pods that come and go. */
const NOTICES = [`${ESCAPE}[32;1m+${ESCAPE}[0m pod-a › worker`, `${ESCAPE}[31;1m-${ESCAPE}[0m pod-c › worker`];

async function eventsOf(lines: readonly string[]): Promise<DatedEvent[]> {
  const stream = Readable.from([Buffer.from(`${lines.join('\n')}\n`)]);
  const log = openStandardInput({ stream, now: () => NOW });
  const events: DatedEvent[] = [];
  for await (const batch of log.events({ since_ms: 0, signal: new AbortController().signal })) {
    assert.deepEqual(batch.unreadable, []);
    events.push(...batch.events);
  }
  return events;
}

for (const [name, { line, undated }] of Object.entries(FORMS)) {
  test(`the lines of many pods are read in the order of each pod: ${name}`, async () => {
    const [came = '', went = ''] = NOTICES;
    const lines = STORY.map(([pod, time, text]) => line(pod, `2026-11-27T${time}Z`, text));
    const events = await eventsOf([came, ...lines, went]);
    const of = (job: string) =>
      events
        .filter(({ job_id }) => job_id === job)
        .map(({ event, percentage, error }) => [event, percentage ?? error].filter((part) => part !== null));
    assert.deepEqual(of('job-a'), [['JOB_START'], ['JOB_FAILED', 'GPU out of memory'], ['JOB_START']]);
    assert.deepEqual(of('job-b'), [['JOB_START'], ['JOB_PROGRESS', 45], ['JOB_PROGRESS', 50], ['JOB_PROGRESS', 60]]);
    assert.deepEqual(of('job-c'), [['JOB_START'], ['JOB_COMPLETE']]);
    const failed = events.find(({ event }) => event === 'JOB_FAILED')!;
    if (!undated) assert.equal(new Date(failed.timestamp_ms).toISOString(), '2026-11-27T10:00:03.100Z');
  });
}

test('source that a traceback quotes is no event behind the prefix of docker or CRI either', async () => {
  const source = ['  File "worker.py", line 3, in run', '    "JOB_FAILED job_id=job-b error=boom",'];
  const docker = source.map((text) =>
    JSON.stringify({ log: `${text}\n`, stream: 'stderr', time: '2026-11-27T10:00:00Z' }),
  );
  assert.deepEqual(await eventsOf(docker), []);
  const cri = source.map((text, index) => `2026-11-27T10:00:0${index}.123456789Z stderr F ${text}`);
  assert.deepEqual(await eventsOf(cri), []);
});

test('a quoted event behind a wide prefix is an event, if no traceback is before it', async () => {
  const events = await eventsOf(['2026-11-27 10:00:00 INFO   worker   "JOB_FAILED job_id=job-b error=boom"']);
  assert.deepEqual(
    events.map(({ event, job_id }) => [event, job_id]),
    [['JOB_FAILED', 'job-b']],
  );
});
