/** Lines that people write by hand, and logs that were damaged on the way; each in a small log of its own. */
import type { SightedState } from '../../protocol/sighting.ts';
import type { Wild } from './wild.ts';

type States = Record<string, SightedState>;
type Told = { states: States; unreadable?: number; undated?: number; errors?: Record<string, string>; whole?: true };
type Odd = [name: string, from: string, lines: (at: At) => string | Buffer, told: Told];

/** The prefix of a line some minutes ago, and its time. */
type At = ((minutes: number) => string) & { ms(minutes: number): number };

export function* oddities(now_ms: number): Generator<Wild> {
  const ms = (minutes: number) => now_ms + minutes * 60_000;
  const at: At = Object.assign(
    (minutes: number) => `${new Date(ms(minutes)).toISOString().slice(0, 19).replace('T', ' ')},000 INFO `,
    { ms },
  );
  for (const [name, from, lines, { states, unreadable = 0, undated = 0, errors = {}, ...more }] of ODDITIES) {
    const bytes = Buffer.from(lines(at) as string);
    yield {
      name,
      from,
      files: [{ name: 'worker.log', bytes }],
      ...more,
      expected: { states, unreadable, undated, errors },
    };
  }
}

const FAILED: Told = { states: { a: 'FAILED' } };
const COMPLETED: Told = { states: { a: 'COMPLETED' } };
const RUNNING: Told = { states: { a: 'PROCESSING' } };
const NONE: Told = { states: {} };
const failed = (error: string, job_id = 'a'): Told => ({ states: { [job_id]: 'FAILED' }, errors: { [job_id]: error } });
const unreadable = (count = 1): Told => ({ states: {}, unreadable: count });

/** One line, 10 minutes ago. */
const line = (text: string) => (at: At) => `${at(-10)}${text}\n`;
const json = (fields: string) => line(`TRANSCRIPTION_EVENT ${fields}`);
const started = (at: At, job_id = 'a') => `${at(-20)}JOB_START job_id=${job_id} worker_id=w1\n`;
/** After a start 20 minutes ago. */
const then = (text: string) => (at: At) => `${started(at)}${at(-10)}${text}\n`;
const long = (characters: number) => `${'x'.repeat(characters)}`;

const LINE = 'JOB_FAILED job_id=a error=boom';
const PARTS = { job_id: 'a', error: 'boom' };
const STRUCTURED: [name: string, from: string, fields: (at: Date) => object, told: Told][] = [
  [
    'Serilog, compact with a rendered message',
    'Serilog 4 RenderedCompactJsonFormatter',
    (at) => ({ '@t': at, '@mt': 'JOB_FAILED job_id={JobId} error={Error}', '@m': LINE, JobId: 'a', Error: 'boom' }),
    failed('boom'),
  ],
  [
    'Serilog, compact',
    'Serilog 4 CompactJsonFormatter',
    (at) => ({ '@t': at, '@mt': 'JOB_FAILED job_id={job_id} error={error}', '@l': 'Error', ...PARTS }),
    failed('boom'),
  ],
  [
    'Serilog, JSON',
    'Serilog 4 JsonFormatter(renderMessage: true)',
    (at) => ({ Timestamp: at, MessageTemplate: 'JOB_FAILED job_id={JobId}', RenderedMessage: LINE, Properties: {} }),
    failed('boom'),
  ],
  [
    '.NET, the state of a message',
    '.NET 8 JsonConsoleFormatter, LogError("JOB_FAILED {job_id}", …)',
    (at) => ({
      Timestamp: at,
      LogLevel: 'Error',
      Message: 'JOB_FAILED a',
      State: { Message: 'JOB_FAILED a', ...PARTS, '{OriginalFormat}': 'JOB_FAILED {job_id}' },
    }),
    failed('boom'),
  ],
  [
    'pino, an error as an object',
    'pino 9, logger.error({ job_id, err }, "JOB_FAILED")',
    (at) => ({
      level: 50,
      time: at.getTime(),
      msg: 'JOB_FAILED',
      job_id: 'a',
      err: { type: 'Error', message: 'boom' },
    }),
    failed('boom'),
  ],
  [
    'eliot',
    'eliot 1.15',
    (at) => ({ timestamp: at.getTime() / 1000, task_level: [1], message_type: 'JOB_FAILED', ...PARTS }),
    failed('boom'),
  ],
  [
    'Log4j, an instant',
    'Log4j 2.23 JsonLayout',
    (at) => ({ instant: { epochSecond: at.getTime() / 1000, nanoOfSecond: 0 }, level: 'ERROR', message: LINE }),
    failed('boom'),
  ],
  [
    'Google Cloud, seconds beside',
    'Google Cloud structured logging, timestampSeconds',
    (at) => ({ severity: 'ERROR', message: LINE, timestampSeconds: at.getTime() / 1000, timestampNanos: 0 }),
    failed('boom'),
  ],
  [
    'Google Cloud, seconds within',
    'Google Cloud structured logging, timestamp',
    (at) => ({ severity: 'ERROR', message: LINE, timestamp: { seconds: at.getTime() / 1000, nanos: 0 } }),
    failed('boom'),
  ],
  [
    'Fluent Bit, its own date',
    'Fluent Bit 3 file output, json_date_key date',
    (at) => ({ date: at.getTime() / 1000, log: LINE }),
    failed('boom'),
  ],
  [
    'Twisted',
    'Twisted 24 jsonFileLogObserver',
    (at) => ({ log_time: at.getTime() / 1000, log_format: LINE, log_level: { name: 'error' } }),
    failed('boom'),
  ],
];

const ODDITIES: Odd[] = [
  // Names of jobs.
  [
    'a file name',
    'f-string with a path',
    line('JOB_FAILED job_id=meeting.mp3 error=boom'),
    failed('boom', 'meeting.mp3'),
  ],
  [
    'a path',
    'f-string with a path',
    line('JOB_FAILED job_id=/in/2026/meeting.mp3 error=boom'),
    failed('boom', '/in/2026/meeting.mp3'),
  ],
  [
    'an S3 URL',
    'f-string with a URL',
    line('JOB_FAILED job_id=s3://bucket/a%20b.mp3 error=boom'),
    failed('boom', 's3://bucket/a%20b.mp3'),
  ],
  [
    'a Windows path',
    'f-string with a path',
    line('JOB_FAILED job_id=C:\\in\\a.wav error=boom'),
    failed('boom', 'C:\\in\\a.wav'),
  ],
  [
    'a quoted name with blanks',
    'f"{name!r}"',
    line('JOB_FAILED job_id="my file.mp3" error=boom'),
    failed('boom', 'my file.mp3'),
  ],
  [
    'a name in apostrophes',
    'f"{name!r}"',
    line("JOB_FAILED job_id='my file.mp3' error=boom"),
    failed('boom', 'my file.mp3'),
  ],
  [
    'an unquoted name with blanks',
    'f-string with a file name',
    line('JOB_FAILED job_id=my file.mp3 error=boom'),
    failed('boom', 'my file.mp3'),
  ],
  [
    'an unquoted name with blanks at the end',
    'f-string with a file name',
    line('JOB_COMPLETE job_id=my file.mp3'),
    { states: { 'my file.mp3': 'COMPLETED' } },
  ],
  ['an integer', 'a database id', line('JOB_FAILED job_id=42 error=boom'), failed('boom', '42')],
  [
    'an integer in JSON',
    'a database id',
    json('{"event": "JOB_FAILED", "job_id": 42, "error": "boom"}'),
    failed('boom', '42'),
  ],
  [
    'a UUID',
    'uuid4()',
    line('JOB_FAILED job_id=2f1c3a52-8a1e-4b5e-9c3e-1d2e3f4a5b6c error=x'),
    failed('x', '2f1c3a52-8a1e-4b5e-9c3e-1d2e3f4a5b6c'),
  ],
  [
    'a UUID object',
    'repr of a dict',
    json("{'event': 'JOB_FAILED', 'job_id': UUID('2f1c3a52-8a1e-4b5e-9c3e-1d2e3f4a5b6c'), 'error': 'x'}"),
    failed('x', '2f1c3a52-8a1e-4b5e-9c3e-1d2e3f4a5b6c'),
  ],
  ['an emoji', 'a chat bot', line('JOB_FAILED job_id=🎧 error=boom'), failed('boom', '🎧')],
  ['Japanese', 'a file name', line('JOB_FAILED job_id=会議.mp3 error=音声なし'), failed('音声なし', '会議.mp3')],
  [
    '500 characters',
    'a presigned URL',
    line(`JOB_FAILED job_id=https://b.s3.amazonaws.com/${long(470)} error=boom`),
    failed('boom', `https://b.s3.amazonaws.com/${long(470)}`),
  ],
  ['a name of 1,025 characters', 'a presigned URL', line(`JOB_FAILED job_id=${long(1025)} error=boom`), unreadable()],
  ['no name', 'None', line('JOB_FAILED job_id=None error=boom'), unreadable()],
  ['an empty name', 'an f-string with ""', line('JOB_FAILED job_id= error=boom'), unreadable()],
  ['a list as a name', 'json.dumps', json('{"event": "JOB_FAILED", "job_id": ["a"]}'), unreadable()],
  // The words.
  ['JOB_COMPLETED', 'a habit', line('JOB_COMPLETED job_id=a duration=20'), COMPLETED],
  ['JOB_STARTED', 'a habit', line('JOB_STARTED job_id=a worker_id=w1'), RUNNING],
  ['lower case', 'a habit', line('job_failed job_id=a error=boom'), failed('boom')],
  ['lower case in JSON', 'a habit', json('{"event": "job_completed", "job_id": "a"}'), COMPLETED],
  ['a colon', 'logger.error("JOB_FAILED: …")', line('JOB_FAILED: job_id=a error=boom'), failed('boom')],
  ['colons', 'YAML habits', line('JOB_FAILED: job_id: a, error: boom'), failed('boom')],
  ['a comma', 'a habit', line('JOB_FAILED, job_id=a, error=boom'), failed('boom')],
  ['bars', 'a habit', line('JOB_FAILED | job_id=a | error=boom'), failed('boom')],
  ['a hyphen', 'a habit', line('JOB_FAILED - job_id=a - error=boom'), { states: { a: 'FAILED' } }],
  ['brackets', 'a habit', line('[JOB_FAILED] job_id=a error=boom'), failed('boom')],
  ['brackets around all', 'a habit', line('[JOB_COMPLETE job_id=a]'), COMPLETED],
  ['blanks around =', 'a habit', line('JOB_FAILED job_id = a error = boom'), failed('boom')],
  [
    'sorted keys',
    'structlog 25 ConsoleRenderer',
    line('JOB_FAILED                     error=oom job_id=a worker_id=w1'),
    failed('oom'),
  ],
  [
    'sorted keys of a completed job',
    'structlog 25 ConsoleRenderer',
    line('JOB_COMPLETE                   duration=3 job_id=a'),
    COMPLETED,
  ],
  [
    'an error in words before the job',
    'structlog 24 ConsoleRenderer',
    line('JOB_FAILED   error=CUDA out of memory (4 GiB) job_id=a'),
    failed('CUDA out of memory (4 GiB)'),
  ],
  [
    'a quoted error before the job',
    'structlog 25 ConsoleRenderer',
    line("JOB_FAILED   error='CUDA out of memory' job_id=a"),
    failed('CUDA out of memory'),
  ],
  [
    'coloured keys',
    'structlog 25 ConsoleRenderer, a terminal',
    line(
      '\u001b[1mJOB_FAILED                    \u001b[0m \u001b[36merror\u001b[0m=\u001b[35moom\u001b[0m \u001b[36mjob_id\u001b[0m=\u001b[35ma\u001b[0m',
    ),
    failed('oom'),
  ],
  ['KeyValueRenderer', 'structlog 25', (at) => `${at(-10)}error='oom' event='JOB_FAILED' job_id='a'\n`, failed('oom')],
  ['LogfmtRenderer', 'structlog 25', line('event=JOB_FAILED error="out of memory" job_id=a'), failed('out of memory')],
  [
    'the fields beside the message',
    'structlog 25 JSONRenderer',
    (at) =>
      `${JSON.stringify({ job_id: 'a', error: 'oom', event: 'JOB_FAILED', level: 'error', timestamp: at(-10).slice(0, 19) })}\n`,
    failed('oom'),
  ],
  [
    'extra=',
    'python-json-logger 3',
    (at) => `${JSON.stringify({ message: 'JOB_FAILED', job_id: 'a', error: 'oom', asctime: at(-10).slice(0, 23) })}\n`,
    failed('oom'),
  ],
  [
    'bound fields',
    'loguru 0.7 serialize=True',
    (at) =>
      `${JSON.stringify({ text: 'JOB_FAILED\n', record: { extra: { job_id: 'a', error: 'oom' }, message: 'JOB_FAILED', time: { repr: `${at(-10).slice(0, 19)}+00:00`, timestamp: Date.parse(`${at(-10).slice(0, 10)}T${at(-10).slice(11, 19)}Z`) / 1000 } } })}\n`,
    failed('oom'),
  ],
  [
    'slog attributes',
    'Go 1.22 log/slog TextHandler',
    (at) =>
      `time=${at(-10).slice(0, 10)}T${at(-10).slice(11, 19)}Z level=ERROR msg=JOB_FAILED job_id=a error="out of memory"\n`,
    failed('out of memory'),
  ],
  [
    'zap fields',
    'go.uber.org/zap 1.27 development',
    line('JOB_FAILED\t{"job_id": "a", "error": "oom"}'),
    failed('oom'),
  ],
  [
    'pino fields',
    'pino 9',
    (at) =>
      `${JSON.stringify({ level: 50, time: Date.parse(`${at(-10).slice(0, 10)}T${at(-10).slice(11, 19)}Z`), job_id: 'a', error: 'oom', msg: 'JOB_FAILED' })}\n`,
    failed('oom'),
  ],
  [
    'tracing fields',
    'Rust tracing-subscriber 0.3',
    line('ERROR worker: JOB_FAILED job_id="a" error="oom"'),
    failed('oom'),
  ],
  [
    'camel case',
    'a JavaScript logger',
    (at) => `${JSON.stringify({ time: at(-10).slice(0, 19), msg: 'JOB_FAILED', jobId: 'a', error: 'oom' })}\n`,
    failed('oom'),
  ],
  [
    'a dict',
    'f"TRANSCRIPTION_EVENT {event}"',
    json("{'event': 'JOB_FAILED', 'job_id': 'a', 'error': 'it\\'s \"gone\"', 'retry': None, 'gpu': True}"),
    failed('it\'s "gone"'),
  ],
  [
    'a dict with objects',
    'f"TRANSCRIPTION_EVENT {event}"',
    json(
      "{'event': 'JOB_COMPLETE', 'job_id': 'a', 'duration': datetime.timedelta(seconds=90), 'stage': <Stage.UPLOADING: 3>, 'path': PosixPath('/t')}",
    ),
    COMPLETED,
  ],
  [
    'an exception in a dict',
    'f"TRANSCRIPTION_EVENT {event}"',
    json("{'event': 'JOB_FAILED', 'job_id': 'a', 'error': RuntimeError('CUDA out of memory')}"),
    failed('CUDA out of memory'),
  ],
  [
    'JSON behind =',
    'a habit',
    line('TRANSCRIPTION_EVENT={"event": "JOB_FAILED", "job_id": "a", "error": "x"}'),
    failed('x'),
  ],
  ['compact JSON', 'JSON.stringify', json('{"event":"JOB_FAILED","job_id":"a","error":"x"}'), failed('x')],
  [
    'indented JSON on one line',
    'jq -c reversed',
    json('{ "event" : "JOB_FAILED" , "job_id" : "a" , "error" : "x" }'),
    failed('x'),
  ],
  // Fields.
  [
    'NaN',
    'json.dumps of NumPy values',
    json('{"event": "JOB_FAILED", "job_id": "a", "error": "e", "loss": NaN}'),
    failed('e'),
  ],
  [
    'NaN in a list',
    'json.dumps of NumPy values',
    json('{"event": "JOB_FAILED", "job_id": "a", "error": "e", "vals": [NaN, -Infinity]}'),
    failed('e'),
  ],
  ['a duration in words', 'humanize 4', then('JOB_COMPLETE job_id=a duration=20 min'), COMPLETED],
  [
    'a duration in words in JSON',
    'humanize 4',
    json('{"event": "JOB_COMPLETE", "job_id": "a", "duration": "20 minutes"}'),
    COMPLETED,
  ],
  ['a negative duration', 'a clock that was set back', then('JOB_COMPLETE job_id=a duration=-0.3'), COMPLETED],
  ['a timedelta', 'str(timedelta)', then('JOB_COMPLETE job_id=a duration=1 day, 0:20:00'), COMPLETED],
  ['a negative timedelta', 'str(timedelta)', then('JOB_COMPLETE job_id=a duration=-1 day, 23:59:59.500000'), COMPLETED],
  [
    'a timedelta’s repr',
    'f"{took!r}"',
    then('JOB_COMPLETE job_id=a duration=datetime.timedelta(seconds=1200)'),
    COMPLETED,
  ],
  ['a Go duration', 'time.Duration', then('JOB_COMPLETE job_id=a duration=20m3.5s'), COMPLETED],
  [
    'segments as a list',
    'json.dumps of the result',
    json('{"event": "JOB_COMPLETE", "job_id": "a", "segments": [{"start": 0.0, "end": 1.5, "text": "hi"}]}'),
    COMPLETED,
  ],
  ['a tensor', 'torch 2', then('JOB_PROGRESS job_id=a percentage=tensor(45.)'), RUNNING],
  ['a NumPy number', 'NumPy 2 repr', then('JOB_PROGRESS job_id=a percentage=np.float32(45.0)'), RUNNING],
  [
    'over 100 %',
    'faster-whisper 1.0: segment.end / duration',
    then('JOB_PROGRESS job_id=a percentage=100.00000001'),
    RUNNING,
  ],
  ['140 %', 'faster-whisper 1.0', then('JOB_PROGRESS job_id=a percentage=140'), RUNNING],
  ['below 0 %', 'a clock that was set back', then('JOB_PROGRESS job_id=a percentage=-1'), RUNNING],
  ['a percent sign', 'f"{p}%"', then('JOB_PROGRESS job_id=a percentage=45%'), RUNNING],
  [
    'a percent sign in JSON',
    'f"{p:.0f} %"',
    json('{"event": "JOB_PROGRESS", "job_id": "a", "percentage": "45 %"}'),
    RUNNING,
  ],
  ['a fraction', 'segment.end / duration', then('JOB_PROGRESS job_id=a percentage=0.45'), RUNNING],
  ['no percentage', 'a cut line', line('JOB_PROGRESS job_id=a'), unreadable()],
  [
    'a worker with dots',
    'socket.gethostname()',
    line('JOB_START job_id=a worker_id=ip-10-0-0-1.ec2.internal:812'),
    RUNNING,
  ],
  [
    'an object as the worker',
    'json.dumps',
    json('{"event": "JOB_FAILED", "job_id": "a", "worker_id": {"host": "x"}, "error": "e"}'),
    failed('e'),
  ],
  [
    'an error as an object',
    'json.dumps',
    json('{"event": "JOB_FAILED", "job_id": "a", "error": {"code": 1}}'),
    failed('{"code":1}'),
  ],
  [
    'an error of 50,000 characters',
    'ffmpeg’s output',
    line(`JOB_FAILED job_id=a error=${long(50_000)}`),
    failed(long(4000)),
  ],
  [
    'an error that mentions others',
    'a message of a retry',
    line('JOB_FAILED job_id=a error=after JOB_START job_id=b worker_id=w'),
    failed('after JOB_START job_id=b worker_id=w'),
  ],
  ['an error with keys', 'botocore', line('JOB_FAILED job_id=a error=stage=3 code=42'), failed('stage=3 code=42')],
  [
    'a timestamp that is no time',
    'a habit',
    (at) =>
      `${at(-10)}noise\nTRANSCRIPTION_EVENT {"event": "JOB_FAILED", "job_id": "a", "timestamp": "yesterday", "error": "x"}\n`,
    { ...failed('x'), undated: 1 },
  ],
  ['text around', 'a wrapper script', line('[worker] >>> JOB_FAILED job_id=a error=boom'), failed('boom')],
  ['a suffix in parentheses', 'a habit', line('JOB_COMPLETE job_id=a (took 20 min)'), COMPLETED],
  ['a sentence behind', 'a habit', line('JOB_START job_id=a on worker_id=w1'), RUNNING],
  // What is no event.
  ['prose', 'people', line('waiting for JOB_FAILED from the queue'), NONE],
  ['prose with a job', 'people', line('JOB_FAILED means that job_id=a is dead'), NONE],
  ['prose with a colon', 'people', line('JOB_FAILED: see the log of job_id=a'), NONE],
  ['the keyword alone', 'a constant', line('TRANSCRIPTION_EVENT logging is on'), NONE],
  ['another word', 'another system', line('MY_JOB_FAILED job_id=a error=x'), NONE],
  ['Slurm', 'Slurm 23 slurmctld', line('job_complete: JobId=123 WEXITSTATUS 0'), NONE],
  ['counts', 'a metrics line', line('JOB_FAILED=3 JOB_COMPLETE=12'), NONE],
  ['counts in JSON', 'a metrics line', line('{"JOB_FAILED": 3, "JOB_COMPLETE": 12}'), NONE],
  [
    'a template',
    'Python 3.11 logging, --- Logging error ---',
    (at) => `${at(-10)}--- Logging error ---\nMessage: 'JOB_FAILED job_id=%s error=%s'\nArguments: ('a',)\n`,
    NONE,
  ],
  [
    'source in a traceback',
    'Python 3.11 traceback',
    (at) =>
      `${at(-10)}Traceback (most recent call last):\n  File "/app/w.py", line 3, in run\n    logger.error("JOB_FAILED job_id=a error=x")\nKeyError: 'x'\n`,
    NONE,
  ],
  [
    'an f-string in a traceback',
    'Python 3.11 traceback',
    (at) =>
      `${at(-10)}Traceback (most recent call last):\n  File "/app/w.py", line 3, in run\n    raise RuntimeError(f"JOB_FAILED job_id={job_id}")\nKeyError: 'x'\n`,
    NONE,
  ],
  [
    'source over several lines',
    'Python 3.13 traceback',
    (at) =>
      `${at(-10)}Traceback (most recent call last):\n  File "/app/w.py", line 3, in run\n    log.error(\n    ~~~~~~~~~^\n        "JOB_FAILED job_id=a "\n        ^^^^^^^^^^^^^^^^^^^^^^\nKeyError: 'x'\n`,
    NONE,
  ],
  [
    'source in a JSON message',
    'python-json-logger 3 exc_info',
    (at) =>
      `${JSON.stringify({ asctime: at(-10).slice(0, 23), message: 'boom', exc_info: 'Traceback (most recent call last):\n  File "w.py", line 3, in run\n    logger.error("JOB_FAILED job_id=a")\nKeyError: 1' })}\n`,
    NONE,
  ],
  [
    'source in a JavaScript stack',
    'Node 22 uncaught exception',
    (at) => `${at(-10)}/app/w.js:3\n    console.error(\`JOB_FAILED job_id=\${id}\`);\n            ^\nError: x\n`,
    NONE,
  ],
  [
    'an exception’s message',
    'Python 3.11 traceback',
    (at) =>
      `${started(at)}${at(-10)}Traceback (most recent call last):\n  File "/app/w.py", line 3, in run\n    raise JobFailed(job)\nRuntimeError: JOB_FAILED job_id=a error=boom\n`,
    { ...failed('boom'), undated: 1 },
  ],
  [
    'an exception’s repr',
    'celery 5.4: raised unexpected',
    then("Task worker.run[2f1c] raised unexpected: RuntimeError('JOB_FAILED job_id=a error=boom')"),
    FAILED,
  ],
  [
    'a failure and its traceback',
    'logger.exception',
    (at) =>
      `${at(-10)}JOB_FAILED job_id=a error=boom\nTraceback (most recent call last):\n  File "/app/w.py", line 3, in run\nRuntimeError: JOB_FAILED job_id=a error=boom\n`,
    { ...failed('boom'), undated: 1 },
  ],
  // Damage.
  [
    'two events on one line',
    'two processes print() to one file',
    (at) => `${at(-10)}JOB_START job_id=b worker_id=w1JOB_FAILED job_id=a error=boom\n\n`,
    { states: { a: 'FAILED', b: 'PROCESSING' } },
  ],
  [
    'two dated events on one line',
    'two processes without O_APPEND',
    (at) => `${at(-10)}JOB_START job_id=b worker_id=w1${at(-10)}JOB_FAILED job_id=a error=boom\n`,
    { states: { a: 'FAILED', b: 'PROCESSING' } },
  ],
  [
    'two objects on one line',
    'two processes without O_APPEND',
    (at) =>
      `${at(-10)}TRANSCRIPTION_EVENT {"event": "JOB_START", "job_id": "b"}TRANSCRIPTION_EVENT {"event": "JOB_FAILED", "job_id": "a", "error": "x"}\n`,
    { states: { a: 'FAILED', b: 'PROCESSING' } },
  ],
  [
    'a line behind a failure',
    'two processes without O_APPEND',
    (at) => `${at(-10)}JOB_FAILED job_id=a error=boom${at(-9)}JOB_START job_id=b worker_id=w1\n`,
    { states: { a: 'FAILED', b: 'PROCESSING' }, errors: { a: 'boom' } },
  ],
  [
    'a cut object before a line',
    'a process killed while it wrote',
    (at) => `${at(-10)}TRANSCRIPTION_EVENT {"event": "JOB_PROG${at(-9)}JOB_FAILED job_id=a error=boom\n`,
    { ...failed('boom'), unreadable: 1 },
  ],
  [
    'a cut object',
    'a full disk',
    (at) => `${at(-10)}TRANSCRIPTION_EVENT {"event": "JOB_FAILED", "job_id": "a\n`,
    unreadable(),
  ],
  ['a cut plain line', 'a full disk', (at) => `${at(-10)}JOB_FAILED job_\n`, unreadable()],
  ['a cut docker line', 'Docker 26, a full disk', () => '{"log":"JOB_FAILED job_id=a error=x\\n","str\n', unreadable()],
  ['a failure without a job', 'a bug', line('JOB_FAILED error=boom'), unreadable()],
  ['an unknown event', 'a bug', json('{"event": "JOB_LOST", "job_id": "a"}'), unreadable()],
  [
    'NUL bytes at the head',
    'logrotate 3.21 copytruncate',
    (at) => `${'\0'.repeat(5000)}${started(at)}${at(-10)}JOB_FAILED job_id=a error=boom\n`,
    failed('boom'),
  ],
  [
    'NUL bytes in between',
    'a power failure (XFS)',
    (at) => `${started(at)}${'\0'.repeat(300)}${at(-10)}JOB_FAILED job_id=a error=boom\n`,
    failed('boom'),
  ],
  [
    'invalid UTF-8',
    'Latin-1 in the error',
    (at) => Buffer.concat([Buffer.from(`${at(-10)}JOB_FAILED job_id=a error=caf`), Buffer.from([0xe9, 10])]),
    failed('caf\ufffd'),
  ],
  [
    'carriage returns',
    'tqdm 4.66 on the same stream',
    (at) => ` 45%|████▌     | 9/20\r${at(-10)}JOB_FAILED job_id=a error=boom\n`,
    failed('boom'),
  ],
  [
    'a last line without its end',
    'a process killed',
    (at) => `${at(-10)}JOB_FAILED job_id=a error=boom`,
    failed('boom'),
  ],
  [
    'a long line',
    'Docker 26: a failure of 20,000 bytes in two parts',
    (at) => {
      const text = `JOB_FAILED job_id=a error=${long(20_000)}`;
      const time = `${at(-10).slice(0, 10)}T${at(-10).slice(11, 19)}.000000000Z`;
      const part = (log: string) => `${JSON.stringify({ log, stream: 'stdout', time })}\n`;
      return part(text.slice(0, 16_384)) + part(`${text.slice(16_384)}\n`);
    },
    failed(long(4000)),
  ],
  [
    'parts of two streams',
    'containerd 1.7',
    (at) => {
      const time = `${at(-10).slice(0, 10)}T${at(-10).slice(11, 19)}.000000000Z`;
      return `${time} stdout P JOB_FAILED job_\n${time} stderr F JOB_START job_id=b worker_id=w\n${time} stdout F id=a error=boom\n`;
    },
    { states: { a: 'FAILED', b: 'PROCESSING' }, errors: { a: 'boom' } },
  ],
  // Order and time.
  [
    'an undated start before a dated failure',
    'print() and logging mixed',
    (at) => `INFO:w:JOB_START job_id=a worker_id=w1\n${at(-10)}JOB_FAILED job_id=a error=x\n`,
    { ...failed('x'), undated: 1, whole: true },
  ],
  [
    'undated lines between dated ones',
    'print() and logging mixed',
    (at) =>
      `${at(-20)}loaded\nJOB_START job_id=a worker_id=w1\n${at(-10)}noise\nJOB_FAILED job_id=a error=x\n${at(-9)}noise\n`,
    { ...failed('x'), undated: 2 },
  ],
  [
    'failed and started again in one second',
    'Python 3.11 logging, seconds',
    (at) =>
      `${at(-10)}JOB_START job_id=a worker_id=w1\n${at(-10)}JOB_FAILED job_id=a error=x\n${at(-10)}JOB_START job_id=a worker_id=w2\n${at(-10)}JOB_PROGRESS job_id=a percentage=5\n`,
    RUNNING,
  ],
  [
    'failed, started and completed in one second',
    'Python 3.11 logging, seconds',
    (at) =>
      `${at(-10)}JOB_FAILED job_id=a error=x\n${at(-10)}JOB_START job_id=a worker_id=w2\n${at(-10)}JOB_COMPLETE job_id=a duration=0\n`,
    COMPLETED,
  ],
  [
    'started again by a clock that is a second behind',
    'two workers, one log',
    (at) =>
      `${at(-10).replace(':00,000', ':01,000')}TRANSCRIPTION_EVENT {"event": "JOB_FAILED", "job_id": "a", "worker_id": "w1"}\n${at(-10)}JOB_START job_id=a worker_id=w2\n`,
    RUNNING,
  ],
  [
    'retried',
    'a queue with retries',
    (at) => `${started(at)}${at(-10)}JOB_FAILED job_id=a error=x\n${at(-5)}JOB_START job_id=a worker_id=w2\n`,
    RUNNING,
  ],
  [
    'lines out of order',
    'a collector',
    (at) => `${at(-10)}JOB_FAILED job_id=a error=x\n${at(-12)}JOB_PROGRESS job_id=a percentage=50\n${started(at)}`,
    failed('x'),
  ],
  [
    'lines delivered twice',
    'a collector, at least once',
    (at) =>
      `${started(at)}${started(at)}${at(-10)}JOB_FAILED job_id=a error=x\n${started(at)}${at(-10)}JOB_FAILED job_id=a error=x\n`,
    failed('x'),
  ],
  ['completed without a start', 'a rotated log', line('JOB_COMPLETE job_id=a duration=5'), COMPLETED],
  ['progress only', 'a rotated log', line('JOB_PROGRESS job_id=a percentage=45'), RUNNING],
  [
    'both forms',
    'the document’s samples mixed',
    (at) => `${started(at)}${at(-10)}TRANSCRIPTION_EVENT {"event": "JOB_FAILED", "job_id": "a", "error": "x"}\n`,
    failed('x'),
  ],
  ['an empty log', 'a new log', () => '', NONE],
  ['another log', 'another program', (at) => `${at(-10)}GET /healthz 200\n`, NONE],
  // Loggers that print the parts of a message beside it.
  ...STRUCTURED.map(
    ([name, from, fields, told]): Odd => [
      name,
      from,
      (at) => `${JSON.stringify(fields(new Date(at.ms(-10))))}\n`,
      told,
    ],
  ),
  [
    'Fluent Bit stdout',
    'Fluent Bit 3, stdout output, default format',
    (at) => `[0] kube.var.log: [[${at.ms(-10) / 1000}.000000000, {}], {"log"=>"JOB_FAILED job_id=a error=boom"}]\n`,
    failed('boom'),
  ],
  [
    'TAI64N',
    'multilog t (daemontools), s6-log t',
    (at) => `@4${(at.ms(-10) / 1000 + 10).toString(16).padStart(15, '0')}2a5c3b1c JOB_FAILED job_id=a error=boom\n`,
    failed('boom'),
  ],
  [
    'a console consumer of Kafka',
    'kafka-console-consumer 3.8, print.timestamp',
    (at) => `CreateTime:${at.ms(-10)}\tJOB_FAILED job_id=a error=boom\n`,
    failed('boom'),
  ],
];
