import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { randomOf } from '../test/random.ts';
import type { EventToLog } from './log-format.ts';
import { formatLogLine, formatPlainLine, type LoggedEvent, parseLogLine, parseLogLines } from './log-line.ts';
import { type LineAt, readUsual } from './log-usual.ts';

const TIME_MS = Date.UTC(2025, 6, 7, 19, 30);

const nothing = {
  worker_id: null,
  timestamp_ms: null,
  percentage: null,
  stage: null,
  current_chunk: null,
  total_chunks: null,
  eta_seconds: null,
  audio_duration: null,
  duration: null,
  segments: null,
  s3_path: null,
  error: null,
};

/** The JSON form, as the sample StructuredLogger prints it: Python's json.dumps, a time without a zone. */
const JSON_LINES: [line: string, event: Partial<LoggedEvent>][] = [
  [
    'TRANSCRIPTION_EVENT {"event": "JOB_START", "job_id": "job-123", "worker_id": "worker-456", "timestamp": "2025-07-07T19:30:00.250000", "audio_duration": 4860}',
    { event: 'JOB_START', worker_id: 'worker-456', audio_duration: 4860, timestamp_ms: TIME_MS + 250 },
  ],
  [
    'TRANSCRIPTION_EVENT {"event": "JOB_PROGRESS", "job_id": "job-123", "worker_id": "worker-456", "timestamp": "2025-07-07T19:30:00", "percentage": 45, "stage": "transcribing"}',
    { event: 'JOB_PROGRESS', worker_id: 'worker-456', percentage: 45, stage: 'TRANSCRIBING', timestamp_ms: TIME_MS },
  ],
  [
    'TRANSCRIPTION_EVENT {"event": "JOB_COMPLETE", "job_id": "job-123", "worker_id": "worker-456", "timestamp": "2025-07-07T19:30:00", "duration": 1200, "segments": 150}',
    { event: 'JOB_COMPLETE', worker_id: 'worker-456', duration: 1200, segments: 150, timestamp_ms: TIME_MS },
  ],
  [
    'TRANSCRIPTION_EVENT {"event": "JOB_FAILED", "job_id": "job-123", "worker_id": "worker-456", "timestamp": "2025-07-07T19:30:00", "error": "GPU out of memory"}',
    { event: 'JOB_FAILED', worker_id: 'worker-456', error: 'GPU out of memory', timestamp_ms: TIME_MS },
  ],
];

const PLAIN_LINES: [item: string, line: string, event: Partial<LoggedEvent>][] = [
  ['B119', 'JOB_START job_id=job-123 worker_id=worker-456', { event: 'JOB_START', worker_id: 'worker-456' }],
  ['B120', 'JOB_PROGRESS job_id=job-123 percentage=45', { event: 'JOB_PROGRESS', percentage: 45 }],
  ['B121', 'JOB_COMPLETE job_id=job-123 duration=1200.5', { event: 'JOB_COMPLETE', duration: 1200.5 }],
  ['B122', 'JOB_FAILED job_id=job-123 error=GPU out of memory', { event: 'JOB_FAILED', error: 'GPU out of memory' }],
];

for (const [item, line, event] of PLAIN_LINES) {
  test(`[${item}] ${line.split(' ', 1)[0]} is read and written as documented`, () => {
    const expected = { ...nothing, job_id: 'job-123', ...event };
    assert.deepEqual(parseLogLine(line), expected);
    assert.equal(formatPlainLine(expected as never), line);
  });
}

test('[B126] [B127] the JSON form is read with every documented field', () => {
  for (const [line, event] of JSON_LINES)
    assert.deepEqual(parseLogLine(line), { ...nothing, job_id: 'job-123', ...event });
});

test('[B126] event, job_id, worker_id and timestamp come first, then the rest, spaced as in Python', () => {
  const told = { duration: 1200, segments: 150, timestamp: '2025-07-07T19:30:00Z', lease_token: 'secret' };
  assert.equal(
    formatLogLine({ ...told, worker_id: 'worker-456', job_id: 'job-123', event: 'JOB_COMPLETE' }),
    'TRANSCRIPTION_EVENT {"event": "JOB_COMPLETE", "job_id": "job-123", "worker_id": "worker-456", "timestamp": "2025-07-07T19:30:00Z", "duration": 1200, "segments": 150}',
  );
});

/** What surrounds a line, and the time it carries (null: none; `now_ms` supplies the year that syslog omits). */
const WRAPPINGS: [name: string, wrap: (line: string) => string, time_ms: number | null][] = [
  ['nothing', (line) => line, null],
  ['a carriage return', (line) => `${line}\r`, null],
  ["Python's basicConfig", (line) => `INFO:transcriber.worker:${line}`, null],
  ["Python's asctime", (line) => `2025-07-07 19:30:00,500 - transcriber - INFO - ${line}`, TIME_MS + 500],
  ['ISO with a zone', (line) => `2025-07-07T21:30:00.500+02:00 [info] ${line}`, TIME_MS + 500],
  ["Go's log", (line) => `2025/07/07 19:30:00 ${line}`, TIME_MS],
  ['colours', (line) => `\u001b[32m2025-07-07 19:30:00\u001b[0m INFO \u001b[1m${line}\u001b[0m`, TIME_MS],
  ['journalctl', (line) => `Jul 07 19:30:00 gpu-3 transcriber[812]: ${line}`, TIME_MS],
  ['syslog with one digit', (line) => `<14>Jul  7 19:30:00 gpu-3 transcriber: ${line}`, TIME_MS],
  ['journalctl -o short-unix', (line) => `1751916600.500000 gpu-3 transcriber[812]: ${line}`, TIME_MS + 500],
  [
    'journalctl -o json',
    (line) => JSON.stringify({ __REALTIME_TIMESTAMP: '1751916600500000', PRIORITY: '6', MESSAGE: line }),
    TIME_MS + 500,
  ],
  ['Kubernetes', (line) => `2025-07-07T19:30:00.500123456Z stdout F ${line}`, TIME_MS + 500],
  [
    'docker',
    (line) => JSON.stringify({ log: `${line}\n`, stream: 'stderr', time: '2025-07-07T19:30:00.500123Z' }),
    TIME_MS + 500,
  ],
  [
    'pino',
    (line) => JSON.stringify({ level: 30, time: TIME_MS + 500, pid: 1, hostname: 'gpu-3', msg: line }),
    TIME_MS + 500,
  ],
  [
    'a logger inside docker',
    (line) => JSON.stringify({ log: JSON.stringify({ ts: TIME_MS / 1000, message: line }) }),
    TIME_MS,
  ],
  ['a nested field', (line) => JSON.stringify({ timestamp: '2025-07-07T19:30:00Z', record: { text: line } }), TIME_MS],
  [
    'JSON behind a prefix',
    (line) => `gpu-3 app[1]: ${JSON.stringify({ time: '2025-07-07T19:30:00Z', msg: line })}`,
    TIME_MS,
  ],
  ['aws logs tail', (line) => `2025-07-07T19:30:00.500000+00:00 worker/stream-1 ${line}`, TIME_MS + 500],
  ['timestamp, stream and message by tabs', (line) => `1751916600500\tworker/stream-1\t${line}`, TIME_MS + 500],
  ['aws logs --output text', (line) => `EVENTS\t366\t1751916609999\tstream-1\t${line}\t1751916600500`, TIME_MS + 500],
  ['a message of aws logs --output json', (line) => `            "message": ${JSON.stringify(line)},`, null],
  ["an element of --query 'events[*].message'", (line) => `    ${JSON.stringify(line)},`, null],
];

test('a line of either form is found in the output of any common logger or collector', () => {
  for (const [name, wrap, time_ms] of WRAPPINGS) {
    const lines = [...PLAIN_LINES.map(([, line, event]) => [line, event] as const), ...JSON_LINES];
    for (const [line, event] of lines) {
      const parsed = parseLogLine(wrap(line), { now_ms: Date.UTC(2026, 0, 1) });
      const expected = { ...nothing, job_id: 'job-123', ...event, timestamp_ms: event.timestamp_ms ?? time_ms };
      assert.deepEqual(parsed, expected, `${name}: ${wrap(line)}`);
    }
  }
});

test('a CSV export of Logs Insights doubles its quotes', () => {
  for (const [line, event] of JSON_LINES) {
    const row = `2025-07-07 19:30:00.000,"${line.replaceAll('"', '""')}"`;
    assert.deepEqual(parseLogLine(row), { ...nothing, job_id: 'job-123', ...event });
  }
});

test('an object of POST /events is a valid line', () => {
  const line = '{"event":"JOB_PROGRESS","job_id":"a","percentage":5,"timestamp":"2025-07-07T19:30:00Z"}';
  const expected = { ...nothing, event: 'JOB_PROGRESS', job_id: 'a', percentage: 5, timestamp_ms: TIME_MS };
  assert.deepEqual(parseLogLine(line), expected);
});

test('times without a zone are UTC, or in the given zone', () => {
  const time = (zone?: number) =>
    (parseLogLine(JSON_LINES[1]![0], zone === undefined ? {} : { zone }) as LoggedEvent).timestamp_ms;
  assert.equal(time(), TIME_MS);
  assert.equal(time(120), TIME_MS - 2 * 3_600_000);
  const local = parseLogLine('2025-07-07 19:30:00,000 JOB_START job_id=a worker_id=b', {
    zone: 'local',
  }) as LoggedEvent;
  assert.equal(local.timestamp_ms, new Date(2025, 6, 7, 19, 30).getTime());
});

test('in January, a syslog line of December is last year’s', () => {
  const read = (now_ms: number) =>
    (parseLogLine('Dec 31 23:59:59 h a: JOB_START job_id=a worker_id=b', { now_ms }) as LoggedEvent).timestamp_ms;
  assert.equal(read(Date.UTC(2026, 0, 1)), Date.UTC(2025, 11, 31, 23, 59, 59));
  assert.equal(read(Date.UTC(2025, 11, 31, 12)), Date.UTC(2025, 11, 31, 23, 59, 59));
});

test('prose that contains a keyword is not an event', () => {
  for (const line of [
    '',
    'waiting for JOB_START from the queue',
    'see JOB_QUEUE job_id=a',
    'MY_JOB_START job_id=a worker_id=b',
    'TRANSCRIPTION_EVENT logging is on',
    'logger.info(f"JOB_COUNT {n}")',
    '{"msg": "nothing of ours"}',
  ]) {
    assert.equal(parseLogLine(line), null, line);
  }
});

test('a cut or malformed event is reported with the reason', () => {
  for (const [line, why] of [
    ['TRANSCRIPTION_EVENT', /cut or malformed/],
    [JSON_LINES[0]![0].slice(0, 90), /cut or malformed/],
    ['TRANSCRIPTION_EVENT {"event": "JOB_START", job_id}', /cut or malformed/],
    ['{"log":"JOB_START job_id=a worker_id=b\\n","str', /around it is cut/],
    ['JOB_PROGRESS job_', /without a job_id/],
    ['JOB_START job_id=', /without a job_id/],
    ['JOB_PROGRESS job_id=a', /without a percentage/],
    ['TRANSCRIPTION_EVENT {"event": "JOB_LOST", "job_id": "a"}', /"JOB_LOST", not one of JOB_START/],
    ['TRANSCRIPTION_EVENT {"event": "JOB_START", "job_id": null}', /without a job_id/],
    ['TRANSCRIPTION_EVENT {"event": "JOB_START", "job_id": ["a"]}', /job_id is \["a"\], which cannot name a job/],
    ['JOB_FAILED error=boom', /without a job_id/],
    ["TRANSCRIPTION_EVENT {'event': 'JOB_START', 'job_id': 'a", /cut or malformed/],
  ] as const) {
    const parsed = parseLogLine(line);
    assert.ok(parsed !== null && 'why' in parsed, line);
    assert.match(parsed.why, why);
  }
});

test('Python’s None and timedelta, and host names, are understood', () => {
  const read = (line: string) => parseLogLine(line) as LoggedEvent;
  assert.equal(read('JOB_START job_id=a worker_id=None').worker_id, null);
  assert.equal(read('JOB_START job_id=a worker_id=ip-10-0-0-1.ec2.internal').worker_id, 'ip-10-0-0-1-ec2-internal');
  assert.equal(read('JOB_COMPLETE job_id=a duration=0:20:00.5').duration, 1200.5);
  assert.equal(read("JOB_START job_id='a', worker_id='b'").worker_id, 'b');
  assert.equal(read('JOB_PROGRESS job_id=a percentage=45%').percentage, 45);
  assert.equal(
    read('TRANSCRIPTION_EVENT {"event": "JOB_START", "job_id": "a", "audio_duration": NaN}').audio_duration,
    null,
  );
  assert.equal(read('JOB_FAILED job_id=a error=see TRANSCRIPTION_EVENT {} and JOB_START job_id=b').job_id, 'a');
});

test('a line reads back as it was written, whatever the error text', () => {
  const random = randomOf(20250707);
  const pieces = [
    'GPU',
    ' ',
    ', worker_id=x',
    'x2026-11-26 19:28:00 INFO JOB_FAILED job_id=c',
    '"',
    '\\',
    '\n',
    '\r\n',
    '\t',
    '=',
    'é',
    '音',
    '🎧',
    '\u2028',
    '\u0000',
    '\u001b[31m',
    '{',
    '}',
    'job_id=x',
    "'",
    ',',
    '\ud800',
    'JOB_START job_id=z',
  ];
  for (let round = 0; round < 3000; round += 1) {
    const error = Array.from(
      { length: Math.floor(random() * 8) },
      () => pieces[Math.floor(random() * pieces.length)],
    ).join('');
    const job_id = round % 3 === 0 ? `job-${round}` : `a ${error}`;
    const told = {
      event: 'JOB_FAILED',
      job_id,
      worker_id: 'w',
      timestamp: '2025-07-07T19:30:00Z',
      error,
    };
    const plain = formatPlainLine(told);
    const json = formatLogLine(told);
    for (const line of [plain, json]) assert.doesNotMatch(line, /[\n\r]/);
    assert.equal((parseLogLine(plain) as LoggedEvent).error ?? '', error, plain);
    assert.equal((parseLogLine(json) as LoggedEvent).error ?? '', error, json);
    const docker = JSON.stringify({ log: `${plain}\n`, time: '2025-07-07T19:30:00Z' });
    assert.equal((parseLogLine(docker) as LoggedEvent).error ?? '', error, docker);
    const name = ({ job_id: id, reported_id = id }: LoggedEvent) => reported_id;
    for (const line of [plain, json, docker]) {
      assert.equal(name(parseLogLine(line) as LoggedEvent), job_id.toWellFormed(), line);
      assert.equal(parseLogLines(line).length, 1, line);
    }
  }
});

test('numbers read back unchanged', () => {
  const random = randomOf(1);
  for (let round = 0; round < 2000; round += 1) {
    const percentage = random() < 0.5 ? Math.floor(random() * 101) : random() * 100;
    const duration = random() * 1e6;
    const plain = parseLogLine(formatPlainLine({ event: 'JOB_PROGRESS', job_id: 'a', percentage }));
    assert.equal((plain as LoggedEvent).percentage, percentage);
    const json = parseLogLine(formatLogLine({ event: 'JOB_COMPLETE', job_id: 'a', duration, segments: round }));
    assert.equal((json as LoggedEvent).duration, duration);
    assert.equal((json as LoggedEvent).segments, round);
  }
});

test('the fast reader returns what the general reader returns, or null', () => {
  const random = randomOf(7);
  const parts = [
    'JOB_PROGRESS',
    ' ',
    'job_id=',
    'a-1',
    '-',
    'percentage=',
    '45',
    '.5',
    '.',
    '007',
    '101',
    '"',
    '{',
    '}',
    ', ',
    'x',
    '\r',
    'TRANSCRIPTION_EVENT {"event": "JOB_PROGRESS", "job_id": "',
    '", "worker_id": "',
    '", "timestamp": "',
    '2025-07-07T19:30:00Z',
    '", "percentage": ',
    ', "stage": "',
    '"}',
    '2025-07-07 19:30:00,123 ',
    '_',
    '\u001b[0m',
    '\\',
    'null',
    'None',
    'worker_id=',
    'stage=',
    'error=',
    'error=x y ',
    'duration=1',
    ', "error": "x"',
    ', "segments": 1.5',
    '\t',
    'EVENTS\t',
    'é',
    "'",
    '=',
    ' JOB_FAILED job_id=b',
    ', ',
    '2026-11-26 19:28:00 ',
    '07:28:00 PM',
    '(',
    'timestamp=',
    '%',
  ];
  const whole = [
    ...PLAIN_LINES.map(([, line]) => `2025-07-07 19:30:00,123 I x: ${line}`),
    ...JSON_LINES.map(([line]) => line),
    ...JSON_LINES.map(([line]) => `2025-07-07T21:30:01Z stdout F ${line}`),
    'JOB_COMPLETE job_id=a-1 duration=1200 segments=12 worker_id=w-1',
    JSON_LINES[2]![0].replace('}', ', "s3_path": "s3://a/b c"}'),
  ];
  let fast = 0;
  for (let round = 0; round < 50_000; round += 1) {
    let line = whole[round % whole.length]!;
    for (let change = Math.floor(random() * 3); change > 0; change -= 1) {
      const at = Math.floor(random() * line.length);
      line = line.slice(0, at) + parts[Math.floor(random() * parts.length)] + line.slice(at + Math.floor(random() * 4));
    }
    const read = readUsual(lineAt(line), {});
    if (read === null) continue;
    fast += 1;
    assert.deepEqual([read], parseLogLines(line), line);
  }
  assert.ok(fast > 10_000, `only ${fast} lines were read the fast way`);
});

/** Surrounded by other lines. */
function lineAt(line: string): LineAt {
  const before = '2025-07-07 19:30:00,123 JOB_PROGRESS {"x": "\n';
  const text = `${before}${line}\n", "percentage": 4}"}{ JOB_ TRANSCRIPTION_EVENT`;
  const at = (words: string) => text.indexOf(words, before.length) >>> 0;
  const start = before.length;
  const end = start + line.length;
  const event = at('JOB_');
  return {
    text,
    start,
    end,
    event,
    next: text.indexOf('JOB_', event + 4),
    marker: at('TRANSCRIPTION_EVENT'),
    brace: at('{'),
    parenthesis: at('('),
    escape: at('\u001b'),
  };
}

test('the plain line is the same in each language, and reads back', () => {
  const cases = JSON.parse(readFileSync(new URL('plain-line.cases.json', import.meta.url), 'utf8')) as {
    event: EventToLog;
    line: string;
  }[];
  for (const { event, line } of cases) {
    assert.equal(formatPlainLine(event), line);
    const read = parseLogLine(line) as LoggedEvent;
    assert.equal(read.reported_id ?? read.job_id, event.job_id, line);
    assert.deepEqual(
      [read.event, read.percentage ?? null, read.stage ?? null, read.error ?? null],
      [
        event.event,
        event.percentage ?? null,
        (event.stage as string | undefined)?.toUpperCase() ?? null,
        event.error || null,
      ],
      line,
    );
  }
});

test('no line makes the reader throw', () => {
  const random = randomOf(3);
  const bytes = Buffer.alloc(400);
  for (let round = 0; round < 3000; round += 1) {
    for (let at = 0; at < bytes.length; at += 1) bytes[at] = Math.floor(random() * 256);
    const junk = bytes.toString(round % 2 === 0 ? 'latin1' : 'utf8');
    const words = ['JOB_PROGRESS job_id=', 'TRANSCRIPTION_EVENT {', '{"', '"'][round % 4]!;
    const parsed = parseLogLine(junk.slice(0, 50) + words + junk.slice(50), { now_ms: TIME_MS });
    assert.ok(parsed === null || 'why' in parsed || parsed.event === 'JOB_PROGRESS');
  }
  assert.equal(parseLogLine(`${'x'.repeat(1 << 20)} JOB_START`), null);
  assert.equal((parseLogLine(`JOB_FAILED job_id=a error=${'x'.repeat(1 << 20)}`) as LoggedEvent).error?.length, 4000);
});
