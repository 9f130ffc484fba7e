/**
 * Status files as they are found in the wild: what wrote each, its bytes, and what is right to say about it. Times are shortly
 * before a given moment.
 */
import type { SightedState } from '../../protocol/sighting.ts';
import { WORDS } from './words.ts';

export type WildFile = {
  /** The name of the job: all are different, so that one folder can hold them all. */
  job: string;
  /** The library or system that writes this form, and its version. */
  from: string;
  file: string;
  bytes: Buffer;
  /** Null: it can't be read, which has to be said. */
  state: SightedState | null;
  error?: string;
};

export function* eachWildFile(now_ms: number): Generator<WildFile> {
  let count = 0;
  const job = (): string => `wild-${count++}`;
  const iso = (seconds_ago: number) => new Date(now_ms - seconds_ago * 1000).toISOString();
  const one = (
    from: string,
    state: SightedState | null,
    write: (name: string) => string | Buffer,
    { name = job(), file = `${name}.json`, ...more }: Partial<WildFile> & { name?: string } = {},
  ): WildFile => ({ job: name, from, file, bytes: Buffer.from(write(name)), state, ...more });
  const body = (job_id: unknown, status: string, more: object = {}) => ({
    job_id,
    worker_id: 'worker-1',
    status,
    started_at: iso(90),
    percentage: 45,
    updated_at: iso(30),
    ...more,
  });

  for (const { from, words } of WORDS) {
    for (const [word, state] of Object.entries(words)) {
      yield one(from, state, (name) => JSON.stringify(body(name, word)));
      yield one(`${from}, as Python’s json.dumps prints it`, state, (name) =>
        JSON.stringify({ job_id: name, state: word, updated_at: iso(20) }).replaceAll('":', '": '),
      );
    }
  }

  for (const name of [
    'meeting.mp3',
    'uploads/2026/Interview with Ann.wav',
    's3://audio/a b/c.mp3',
    '🎙️ podcast №7',
    '会议录音.m4a',
    '3f2504e0-4f89-11d3-9a0c-0305e82c3301',
    'urn:uuid:3f2504e0-4f89-11d3-9a0c-0305e82c3302',
    'a'.repeat(500),
    '../../etc/passwd',
    '-leading-dash',
    'tab\tand\nline',
    'jobs/42',
  ]) {
    yield one('names of recordings', 'FAILED', () => JSON.stringify(body(name, 'failed')), {
      name,
      file: `${job()}.json`,
    });
  }
  yield one('SQLAlchemy’s Integer as an id, json.dumps', 'FAILED', () => JSON.stringify(body(123, 'error')), {
    name: '123',
  });
  yield one('Celery 5.4 file system backend: no job_id', 'FAILED', () =>
    JSON.stringify({ status: 'FAILURE', result: { exc_type: 'RuntimeError' }, task_id: 'x', date_done: iso(5) }),
  );

  const failed = (name: string) => JSON.stringify(body(name, 'FAILED', { error: 'GPU out of memory' }));
  const gpu = { error: 'GPU out of memory' };
  yield one('PowerShell 5.1, Out-File', 'FAILED', (name) => Buffer.from(`\uFEFF${failed(name)}\r\n`, 'utf16le'), gpu);
  yield one(
    'PowerShell 5.1, Out-File -Encoding BigEndianUnicode',
    'FAILED',
    (name) => Buffer.from(`\uFEFF${failed(name)}`, 'utf16le').swap16(),
    gpu,
  );
  yield one(
    '.NET File.WriteAllText, Encoding.Unicode without a mark',
    'FAILED',
    (name) => Buffer.from(failed(name), 'utf16le'),
    gpu,
  );
  yield one('Notepad, UTF-8 with BOM', 'FAILED', (name) => `\uFEFF${failed(name)}`, gpu);
  yield one('jq 1.7, pretty', 'FAILED', (name) => JSON.stringify(JSON.parse(failed(name)), null, 2), gpu);
  yield one('echo, with a line feed', 'FAILED', (name) => `${failed(name)}\n\n`, gpu);
  yield one('json.dumps of numpy.nan', 'FAILED', (name) => failed(name).replace('45', 'NaN'), gpu);
  yield one(
    'json.dumps of a list with -inf',
    'FAILED',
    (name) => failed(name).replace('45', '45, "logprobs": [-Infinity, NaN]'),
    gpu,
  );
  yield one(
    'str(dict), Python 3.12',
    'FAILED',
    (name) => `{'job_id': '${name}', 'status': 'FAILED', 'error': 'GPU out of memory', 'ok': False, 'next': None}`,
    gpu,
  );
  yield one('whisper’s result merged in', 'COMPLETED', (name) =>
    JSON.stringify(
      body(name, 'done', { segments: [{ id: 0, start: 0, end: 3.2, text: 'Hello' }], text: 'x'.repeat(600_000) }),
    ),
  );
  yield one('faster-whisper: segment.end beyond the duration', 'PROCESSING', (name) =>
    JSON.stringify(body(name, 'running', { percentage: 100.00000001 })),
  );
  yield one('f"{percent}%"', 'PROCESSING', (name) => JSON.stringify(body(name, 'running', { percentage: '45%' })));
  yield one('str(timedelta)', 'COMPLETED', (name) => JSON.stringify(body(name, 'done', { duration: '0:20:00.5' })));
  yield one('a clock that was set', 'COMPLETED', (name) => JSON.stringify(body(name, 'done', { duration: -0.3 })));
  yield one('pandas 2, to_json: epoch milliseconds', 'COMPLETED', (name) =>
    JSON.stringify({ job_id: name, status: 'done', updated_at: now_ms - 20_000, started_at: now_ms - 90_000 }),
  );
  yield one('time.time()', 'FAILED', (name) =>
    JSON.stringify({ job_id: name, status: 'error', updated_at: now_ms / 1000 - 20.25 }),
  );
  yield one('Go, time.Time', 'PROCESSING', (name) =>
    JSON.stringify(body(name, 'Running', { updated_at: iso(20).replace('Z', '123456Z') })),
  );
  yield one('Python, datetime.now(timezone.utc).isoformat()', 'PROCESSING', (name) =>
    JSON.stringify(body(name, 'running', { updated_at: iso(20).replace('Z', '+00:00') })),
  );
  yield one('email.utils.formatdate()', 'FAILED', (name) =>
    JSON.stringify(body(name, 'failed', { updated_at: new Date(now_ms - 20_000).toUTCString() })),
  );
  yield one('a time that says nothing', 'FAILED', (name) =>
    JSON.stringify(body(name, 'failed', { updated_at: 'yesterday' })),
  );
  yield one('an exception as an object', 'FAILED', (name) =>
    JSON.stringify(body(name, 'failed', { error: { type: 'CudaError', message: 'out of memory' } })),
  );
  yield one('a worker’s host name', 'PROCESSING', (name) =>
    JSON.stringify(body(name, 'running', { worker_id: 'ip-10-0-0-1.ec2.internal' })),
  );

  const half = (name: string) => failed(name).slice(0, 40);
  yield one('open(…, "w") and a crash', null, () => '');
  yield one('a disk that was full', null, half);
  yield one('fallocate, a power failure', null, () => Buffer.alloc(120));
  yield one('a word that nobody knows', null, (name) => JSON.stringify(body(name, 'zombie')));
  yield one('no status', null, (name) => JSON.stringify({ job_id: name, percentage: 10 }));
  yield one('an empty object', null, () => '{}');
  yield one('a list', null, (name) => `[${failed(name)}]`);
  yield one('two objects', null, (name) => failed(name) + failed(name));
  yield one('YAML', null, (name) => `job_id: ${name}\nstatus: failed\n`);
  yield one('a file of 5 MB', null, (name) => JSON.stringify(body(name, 'done', { text: 'x'.repeat(5_000_000) })));
}
