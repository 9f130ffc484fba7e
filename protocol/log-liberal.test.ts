/** What people and loggers make of the two forms, and how times are written; whole files are in test/wild/. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LoggedEvent, parseLogLines } from './log-line.ts';
import { timeInPrefix, timeOf } from './log-time.ts';

const NOW_MS = Date.UTC(2026, 10, 27, 12);

/** The events of a line with what is known of them; the name of the job as it is written. */
function read(line: string): object[] {
  return parseLogLines(line, { now_ms: NOW_MS }).map((event) => {
    if ('why' in event) return event;
    const { reported_id, job_id, ...rest } = event;
    const known = Object.entries(rest).filter(([, value]) => value !== null);
    return { ...Object.fromEntries(known), job_id: reported_id ?? job_id };
  });
}

const event = (name: LoggedEvent['event'], job_id: string, more: object = {}) => ({ event: name, job_id, ...more });
const failed = (error: string, job_id = 'a', more: object = {}) => event('JOB_FAILED', job_id, { error, ...more });

test('a job may have any name', () => {
  const long = `${'x'.repeat(490)}/take 1.wav`;
  for (const [line, name] of [
    ['JOB_FAILED job_id=meeting.mp3 error=boom', 'meeting.mp3'],
    ['JOB_FAILED job_id=/data/in/a,b.mp3 error=boom', '/data/in/a,b.mp3'],
    ['JOB_FAILED job_id="my file.mp3" error=boom', 'my file.mp3'],
    ["JOB_FAILED job_id='my file.mp3', error=boom", 'my file.mp3'],
    ['JOB_FAILED job_id=my file.mp3 error=boom', 'my file.mp3'],
    ['JOB_FAILED job_id=42 error=boom', '42'],
    ['JOB_FAILED job_id=🎧 error=boom', '🎧'],
    [`JOB_FAILED job_id="${long}" error=boom`, long],
    ['TRANSCRIPTION_EVENT {"event": "JOB_FAILED", "job_id": 42, "error": "boom"}', '42'],
    ['TRANSCRIPTION_EVENT {"event": "JOB_FAILED", "job_id": "a b/ü.mp3", "error": "boom"}', 'a b/ü.mp3'],
  ] as const) {
    assert.deepEqual(read(line), [failed('boom', name)], line);
  }
});

test('a value ends before the next key, or with its first word', () => {
  assert.deepEqual(read('JOB_START job_id=a on worker_id=w'), [event('JOB_START', 'a', { worker_id: 'w' })]);
  assert.deepEqual(read('JOB_START job_id=a from the queue'), [event('JOB_START', 'a')]);
  assert.deepEqual(read('JOB_START job_id=a (attempt 2) worker_id=w'), [event('JOB_START', 'a', { worker_id: 'w' })]);
  assert.deepEqual(read('JOB_COMPLETE job_id=talk 3.mp3'), [event('JOB_COMPLETE', 'talk 3.mp3')]);
  assert.deepEqual(read('[JOB_START job_id=a]'), [event('JOB_START', 'a')]);
  assert.deepEqual(read('JOB_PROGRESS job_id=a stage=loading model percentage=5 %'), [
    event('JOB_PROGRESS', 'a', { stage: 'LOADING MODEL', percentage: 5 }),
  ]);
});

test('keys come in any order and style; an error ends before the next key only if its job_id is still to come', () => {
  for (const line of [
    'JOB_FAILED                     error=out of memory job_id=a',
    'JOB_FAILED error=out of memory job_id=a level=error',
    'JOB_FAILED job_id=a error=out of memory',
    'JOB_FAILED: job_id: a, error: out of memory',
    'JOB_FAILED, job_id=a, error=out of memory',
    'JOB_FAILED | job_id=a | error=out of memory',
    'JOB_FAILED - job_id = a, error = out of memory',
    'job_failed job_id=a error="out of memory"',
    'JOB_FAILED jobId=a error=out of memory',
    'JOB_FAILED {"job_id": "a", "error": "out of memory"}',
    'level=error msg=JOB_FAILED error="out of memory" job_id=a',
    'job_id=a level=error msg=JOB_FAILED error="out of memory"',
    "error='out of memory' event='JOB_FAILED' job_id='a'",
    '{"job_id": "a", "error": "out of memory", "event": "job_failed", "level": "error"}',
    '{"level": "error", "msg": "JOB_FAILED", "job_id": "a", "error": "out of memory"}',
    '{"message": "JOB_FAILED", "extra": {"job_id": "a", "error": "out of memory"}}',
    '{"text": "…", "record": {"message": "JOB_FAILED", "extra": {"jobId": "a", "error": "out of memory"}}}',
  ]) {
    assert.deepEqual(read(line), [failed('out of memory')], line);
  }
  assert.deepEqual(read('JOB_FAILED job_id=a error=stage=3 of worker_id=x'), [failed('stage=3 of worker_id=x')]);
});

test('JOB_STARTED, JOB_COMPLETED and lower case are the same events', () => {
  assert.deepEqual(read('JOB_STARTED job_id=a'), [event('JOB_START', 'a')]);
  assert.deepEqual(read('job_completed job_id=a duration=3'), [event('JOB_COMPLETE', 'a', { duration: 3 })]);
  assert.deepEqual(read('transcription_event {"event": "job_completed", "job_id": "a"}'), [event('JOB_COMPLETE', 'a')]);
});

test('an object as Python prints it is read', () => {
  const line =
    "TRANSCRIPTION_EVENT {'event': 'JOB_COMPLETE', 'job_id': 'a', 'ok': True, 'x': None, 'at': datetime.datetime(2026, 11, 26, 19, 28, " +
    "tzinfo=datetime.timezone.utc), 'duration': datetime.timedelta(seconds=90), 'segments': np.int64(3), 's3_path': PosixPath('/t/it\\'s')}";
  assert.deepEqual(read(line), [event('JOB_COMPLETE', 'a', { duration: 90, segments: 3, s3_path: "/t/it's" })]);
  assert.deepEqual(
    read('TRANSCRIPTION_EVENT {"event": "JOB_FAILED", "job_id": "a", "error": "e", "p": NaN, "v": [NaN, -Infinity]}'),
    [failed('e')],
  );
});

test('a field that cannot be read is null, and the event counts', () => {
  for (const [value, percentage] of [
    ['45%', 45],
    ['np.float32(45.0)', 45],
    ['100.00000001', 100],
    ['140', 100],
    ['0.45', 0.45],
    ['-1', undefined],
    ['nan', undefined],
    ['soon', undefined],
  ] as const) {
    const expected = event('JOB_PROGRESS', 'a', percentage === undefined ? {} : { percentage });
    assert.deepEqual(read(`JOB_PROGRESS job_id=a percentage=${value}`), [expected], value);
    const json = `TRANSCRIPTION_EVENT {"event": "JOB_PROGRESS", "job_id": "a", "percentage": "${value}"}`;
    assert.deepEqual(read(json), [expected], value);
  }
  for (const [value, duration] of [
    ['1200s', 1200],
    ['20 min', 1200],
    ['0:20:00.5', 1200.5],
    ['1 day, 0:20:00', 87_600],
    ['1h2m3.5s', 3723.5],
    ['PT20M', 1200],
    ['datetime.timedelta(days=1, seconds=20)', 86_420],
    ['-1 day, 23:59:59', undefined],
    ['-0.3', undefined],
    ['1e300', undefined],
    ['2000000000', undefined],
    ['soon', undefined],
  ] as const) {
    const expected = event('JOB_COMPLETE', 'a', duration === undefined ? {} : { duration });
    assert.deepEqual(read(`JOB_COMPLETE job_id=a duration=${value}`), [expected], value);
  }
  assert.deepEqual(
    read('TRANSCRIPTION_EVENT {"event": "JOB_COMPLETE", "job_id": "a", "segments": [{"start": 0}], "worker_id": {}}'),
    [event('JOB_COMPLETE', 'a')],
  );
});

test('prose, program text and templates are no events', () => {
  for (const line of [
    'see JOB_FAILED in the log of job_id=a',
    'JOB_FAILED means that the job_id=a is dead',
    'JOB_FAILED: see job_id=a',
    'JOB_FAILED count=3',
    'job_complete: JobId=123 WEXITSTATUS 0',
    '    logger.error("JOB_FAILED job_id=a error=x")',
    'logger.error(f"JOB_FAILED job_id={job_id} error={e}")',
    '    print(\'TRANSCRIPTION_EVENT {"event": "JOB_FAILED", "job_id": "a"}\')',
    "Message: 'JOB_FAILED job_id=%s error=%s'",
    `console.log(\`JOB_FAILED job_id=\${job.id}\`)`,
  ]) {
    assert.deepEqual(read(line), [], line);
  }
});

test('the message of an exception is an event, the source in its traceback is not', () => {
  const text = [
    'Traceback (most recent call last):',
    '  File "/app/worker.py", line 12, in run',
    '    raise TranscriptionError("JOB_FAILED job_id=source error=x")',
    'TranscriptionError: JOB_FAILED job_id=a error=boom',
  ].join('\n');
  assert.deepEqual(read(text), [failed('boom')]);
  assert.deepEqual(read(JSON.stringify({ message: text })), [failed('boom')]);
});

test('two events on one line are two, unless an error only mentions the other', () => {
  const both = [event('JOB_START', 'a', { worker_id: 'w1' }), failed('x', 'b')];
  for (const line of [
    'JOB_START job_id=a worker_id=w1JOB_FAILED job_id=b error=x',
    'JOB_START job_id=a worker_id=w1 JOB_FAILED job_id=b error=x',
    'INFO:worker:JOB_START job_id=a worker_id=w1INFO:worker:JOB_FAILED job_id=b error=x',
    '{"log": "JOB_START job_id=a worker_id=w1\\n"}{"log": "JOB_FAILED job_id=b error=x\\n"}',
    'TRANSCRIPTION_EVENT {"event": "JOB_START", "job_id": "a", "worker_id": "w1"}TRANSCRIPTION_EVENT {"event": "JOB_FAILED", "job_id": "b", "error": "x"}',
  ]) {
    assert.deepEqual(read(line), both, line);
  }
  const time = { timestamp_ms: Date.UTC(2026, 10, 26, 19, 28) };
  const second = '2026-11-26 19:28:00 INFO JOB_START job_id=b worker_id=w';
  assert.deepEqual(read(`JOB_FAILED job_id=a error=boom${second}`), [
    failed('boom'),
    event('JOB_START', 'b', { worker_id: 'w', ...time }),
  ]);
  assert.deepEqual(read('JOB_FAILED job_id=a error=after JOB_START job_id=b worker_id=w'), [
    failed('after JOB_START job_id=b worker_id=w'),
  ]);
});

test('journald’s bytes of a coloured message are read', () => {
  const MESSAGE = [...Buffer.from('\u001b[31mJOB_FAILED job_id=a error=x\u001b[0m')];
  assert.deepEqual(read(JSON.stringify({ __REALTIME_TIMESTAMP: '1795721280000000', MESSAGE })), [
    failed('x', 'a', { timestamp_ms: 1_795_721_280_000 }),
  ]);
});

const AT = '2026-11-26T19:28:00.000Z';
const TIMES: [text: string, iso: string][] = [
  ['26/Nov/2026:19:28:00 +0000', AT],
  ['127.0.0.1 - - [26/Nov/2026:20:28:00 +0100] "GET', AT],
  ['11/26/2026 07:28:00 PM', AT],
  ['26/11/2026 19:28:00', AT],
  ['26.11.2026 19:28:00', AT],
  ['Thu, 26 Nov 2026 19:28:00 GMT', AT],
  ['Thu, 26 Nov 2026 14:28:00 -0500', AT],
  ['Thursday, November 26, 2026 7:28:00 PM', AT],
  ['26 Nov 2026 19:28', AT],
  ['26-Nov-2026 19:28:00.250', '2026-11-26T19:28:00.250Z'],
  ['Thu Nov 26 19:28:00 2026', AT],
  ['[Thu Nov 26 19:28:00.250456 2026] [error]', '2026-11-26T19:28:00.250Z'],
  ['Thu Nov 26 14:28:00 EST 2026', AT],
  ['Nov 26, 2026 7:28:00 PM', AT],
  ['Nov 26 19:28:00 host app:', AT],
  ['I1126 19:28:00.250456   1234 worker.go:1]', '2026-11-26T19:28:00.250Z'],
  ['W20261126 19:28:00.250456 1 worker.cc:3]', '2026-11-26T19:28:00.250Z'],
  ['20261126T192800Z', AT],
  ['2026-11-26 07:28:00 PM', AT],
  ['2026-11-26 12:28:00 AM', '2026-11-26T00:28:00.000Z'],
  ['2026-11-26 14:28:00 EST', AT],
  ['2026-11-26 19:28:00 UTC', AT],
  ['2026-11-26 19:28 INFO', AT],
  ['2026-11-26 - 19:28:00', AT],
  ['2026.11.26 19:28:00', AT],
  ['2026/11/26 19:28:00 [error] 1#1:', AT],
  ['1795721280', AT],
  ['1795721280000000000', AT],
];

test('times are read in the forms of common loggers', () => {
  for (const [text, iso] of TIMES) {
    assert.equal(timeOf(text, { now_ms: NOW_MS }), Date.parse(iso), text);
    if (/^\d+$/.test(text)) continue;
    assert.equal(timeInPrefix(`${text} `, text.length + 1, { now_ms: NOW_MS }), Date.parse(iso), text);
  }
  for (const text of ['yesterday', '19:28:00', '2026-13-26 19:28:00', '31.13.2026 10:00:00', 'x', '']) {
    assert.equal(timeOf(text, { now_ms: NOW_MS }), null, text);
  }
});

test('a zone applies to times without one', () => {
  const zone = 'America/New_York';
  assert.equal(timeOf('26.11.2026 14:28:00', { zone }), Date.parse(AT));
  assert.equal(timeOf('2026-11-26T14:28:00.000', { zone }), Date.parse(AT));
  assert.equal(timeOf('2026-11-26 19:28:00 UTC', { zone }), Date.parse(AT));
});

test('the order of day and month is the log’s, or what AM, PM or the present suggest', () => {
  const day = (text: string, more: object = {}) =>
    new Date(timeOf(text, { now_ms: Date.UTC(2026, 1, 3), ...more })!).toISOString().slice(0, 10);
  assert.equal(day('01/02/2026 10:00:00', { day_first: true }), '2026-02-01');
  assert.equal(day('01/02/2026 10:00:00', { day_first: false }), '2026-01-02');
  assert.equal(day('01/02/2026 10:00:00 AM'), '2026-01-02');
  assert.equal(day('01/02/2026 10:00:00'), '2026-02-01');
  assert.equal(day('02/01/2026 10:00:00'), '2026-02-01');
  assert.equal(day('01.02.2026 10:00:00', { day_first: false }), '2026-02-01');
});

test('a time without a zone is in the zone that another time of its line shows, unless one is given', () => {
  const json =
    'TRANSCRIPTION_EVENT {"event": "JOB_START", "job_id": "a", "worker_id": "w", "timestamp": "2026-11-26T14:28:00"}';
  const plain = '2026-11-26 14:28:00,000 INFO JOB_START job_id=a worker_id=w';
  const time = (line: string, zone?: string) =>
    (parseLogLines(line, { now_ms: NOW_MS, ...(zone === undefined ? {} : { zone }) })[0] as LoggedEvent).timestamp_ms;
  for (const line of [
    `2026-11-26T19:28:01.5Z stdout F ${json}`,
    JSON.stringify({ log: `${json}\n`, stream: 'stdout', time: '2026-11-26T19:28:01.5Z' }),
    JSON.stringify({ log: `${plain}\n`, stream: 'stdout', time: '2026-11-26T19:28:01.5Z' }),
    JSON.stringify({ __REALTIME_TIMESTAMP: '1795721281500000', MESSAGE: plain }),
    `EVENTS\t366\t1\tstream-1\t${plain}\t1795721281500`,
  ]) {
    assert.equal(time(line), Date.parse(AT), line);
    assert.equal(time(line, 'Asia/Kolkata'), Date.parse('2026-11-26T08:58:00Z'), line);
  }
  assert.equal(time(json), Date.parse('2026-11-26T14:28:00Z'));
  assert.equal(time(`2026-11-26T19:35:00Z stdout F ${json}`), Date.parse('2026-11-26T14:28:00Z'), 'too far apart');
});

/** Each would take minutes if a part of it were searched again for each of its characters. */
test('a line of a mebibyte is read in its length, whatever is repeated in it', () => {
  const filled = (text: string) => text.repeat(Math.ceil((1 << 20) / text.length));
  for (const [line, count] of [
    [`JOB_FAILED error=${filled('x ')}job_id=a`, 1],
    [`JOB_FAILED ${filled('a=b ')}job_id=a`, 1],
    [`JOB_FAILED job_id='${filled('x')}`, 1],
    [`JOB_FAILED job_id=a${filled(',')} x`, 1],
    [`JOB_FAILED${filled(' ')}job_id=a`, 1],
    [`JOB_FAILED${filled('>')}job_id=a`, 1],
    [`JOB_COMPLETE job_id=a duration=${filled('f(')}`, 1],
    [`TRANSCRIPTION_EVENT ${filled('{"a":')}`, 1],
    [`TRANSCRIPTION_EVENT {'event': ${filled('[')}`, 1],
    [filled('JOB_FAILED '), 1],
    [filled('JOB_START job_id=a worker_id=w'), 1001],
    [filled('TRANSCRIPTION_EVENT {"a": '), 1],
    [`"JOB_FAILED job_id=a"${filled(' ')}x`, 1],
    [filled('{"msg":"JOB_FAILED job_id=a"}'), 36_158],
  ] as const) {
    assert.equal(parseLogLines(line, { now_ms: NOW_MS }).length, count, line.slice(0, 60));
  }
});
