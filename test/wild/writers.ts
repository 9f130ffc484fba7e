/** The same short history of three jobs, in both forms of our lines, as each logger and collector writes it. */
import { formatLogLine, formatPlainLine } from '../../protocol/log-format.ts';
import type { Wild } from './wild.ts';

type Line = { text: string; at: Date; level: 'INFO' | 'ERROR' };
/** `undated`: the form has no time, or no date. */
type Writer = {
  from: string;
  write: (line: Line, index: number) => string | Buffer;
  undated?: boolean;
  /** The time is on a line of its own, before that of the event. */
  lineBefore?: true;
  head?: string;
  /** What is behind an error on its line is part of it. */
  error?: string;
};

const HISTORY: [minutes: number, event: string, job_id: string, more: object][] = [
  [-40, 'JOB_START', 'a', {}],
  [-38, 'JOB_START', 'b', {}],
  [-35, 'JOB_PROGRESS', 'a', { percentage: 45 }],
  [-30, 'JOB_FAILED', 'a', { error: 'GPU out of memory' }],
  [-20, 'JOB_COMPLETE', 'b', { duration: 1080 }],
  [-5, 'JOB_START', 'c', {}],
  [-1, 'JOB_PROGRESS', 'c', { percentage: 60 }],
];

export function* histories(now_ms: number): Generator<Wild> {
  const ago = (minutes: number) => now_ms + minutes * 60_000;
  for (const [name, writer] of Object.entries(WRITERS)) {
    for (const form of ['plain', 'json'] as const) {
      const parts = HISTORY.map(([minutes, event, job_id, more], index) => {
        const at = new Date(ago(minutes));
        const told = { event, job_id, worker_id: 'w1', timestamp: at.toISOString(), ...more };
        const text = form === 'plain' ? formatPlainLine(told) : formatLogLine(told);
        const written = writer.write({ text, at, level: event === 'JOB_FAILED' ? 'ERROR' : 'INFO' }, index);
        return typeof written === 'string' ? Buffer.from(written) : written;
      });
      const head = Buffer.from(writer.head ?? '');
      const undated = writer.undated === true && form === 'plain';
      const fromNeighbours = form === 'plain' && (undated || writer.lineBefore === true);
      yield {
        name: `${name}, ${form}`,
        from: writer.from,
        files: [{ name: 'worker.log', bytes: Buffer.concat([head, ...parts]) }],
        expected: {
          states: { a: 'FAILED', b: 'COMPLETED', c: 'PROCESSING' },
          unreadable: 0,
          undated: fromNeighbours ? HISTORY.length : 0,
          errors: { a: (form === 'plain' && writer.error) || 'GPU out of memory' },
          ...(undated ? {} : { ended_ms: { a: ago(-30), b: ago(-20) } }),
        },
      };
    }
  }
}

const two = (value: number): string => String(value).padStart(2, '0');
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const iso = (at: Date): string => at.toISOString();
const date = (at: Date): string => iso(at).slice(0, 10);
const clock = (at: Date): string => iso(at).slice(11, 19);
const blank = (at: Date): string => `${date(at)} ${clock(at)}`;
const day = (at: Date): string => two(at.getUTCDate());
const month = (at: Date): string => MONTHS[at.getUTCMonth()]!;
const year = (at: Date): number => at.getUTCFullYear();
const half = (at: Date, pad = false): string => {
  const hour = at.getUTCHours() % 12 || 12;
  return `${pad ? two(hour) : hour}:${clock(at).slice(3)} ${at.getUTCHours() < 12 ? 'AM' : 'PM'}`;
};
const micros = (at: Date): string => String(at.getTime() * 1000);
const east = (at: Date, minutes: number): Date => new Date(at.getTime() + minutes * 60_000);
const red = (text: string): string => `\u001b[31m${text}\u001b[0m`;
const json = (fields: object): string => `${JSON.stringify(fields)}\n`;

const docker = (text: string, at: Date): string =>
  json({ log: `${text}\n`, stream: 'stderr', time: `${iso(at).slice(0, -1)}456789Z` });
const inParts = (text: string, bytes: number): string[] => text.match(new RegExp(`.{1,${bytes}}`, 'gs')) ?? [];

const WRITERS: Record<string, Writer> = {
  print: { from: 'Python 3.11 print()', write: ({ text }) => `${text}\n`, undated: true },
  basicConfig: {
    from: 'Python 3.11 logging.basicConfig',
    write: ({ text, level }) => `${level}:worker:${text}\n`,
    undated: true,
  },
  asctime: {
    from: 'Python 3.11 logging %(asctime)s',
    write: ({ text, at, level }) => `${blank(at)},000 - worker - ${level} - ${text}\n`,
  },
  'asctime, milliseconds after a point': {
    from: 'Python 3.11 logging %(asctime)s.%(msecs)03d',
    write: ({ text, at, level }) => `${blank(at)}.000 | ${level} | ${text}\n`,
  },
  'datefmt %d/%m/%Y': {
    from: 'Python 3.11 logging datefmt',
    write: ({ text, at }) => `${day(at)}/${two(at.getUTCMonth() + 1)}/${year(at)} ${clock(at)} ${text}\n`,
    head: '31/01/2020 10:00:00 started\n',
  },
  'datefmt %m/%d/%Y %I:%M:%S %p': {
    from: 'Python 3.11 logging HOWTO',
    write: ({ text, at }) => `${two(at.getUTCMonth() + 1)}/${day(at)}/${year(at)} ${half(at, true)} ${text}\n`,
    head: '01/31/2020 10:00:00 AM started\n',
  },
  'datefmt %d.%m.%Y': {
    from: 'Python 3.11 logging datefmt',
    write: ({ text, at }) => `${day(at)}.${two(at.getUTCMonth() + 1)}.${year(at)} ${clock(at)} ${text}\n`,
  },
  'time.ctime': {
    from: 'Python 3.11 time.ctime()',
    write: ({ text, at }) =>
      `${DAYS[at.getUTCDay()]} ${month(at)} ${String(at.getUTCDate()).padStart(2)} ${clock(at)} ${year(at)} ${text}\n`,
  },
  'datetime.now().isoformat()': {
    from: 'Python 3.11 datetime',
    write: ({ text, at }) => `${iso(at).slice(0, -1)}000 ${text}\n`,
  },
  'str(datetime) with a zone': {
    from: 'Python 3.11 datetime',
    write: ({ text, at }) => `${blank(east(at, 330))}.000000+05:30 ${text}\n`,
  },
  'email.utils.formatdate': {
    from: 'Python 3.11 email.utils (RFC 2822)',
    write: ({ text, at }) =>
      `${DAYS[at.getUTCDay()]}, ${day(at)} ${month(at)} ${year(at)} ${clock(at)} -0000 ${text}\n`,
  },
  'http date': {
    from: 'RFC 9110 date',
    write: ({ text, at }) => `${DAYS[at.getUTCDay()]}, ${day(at)} ${month(at)} ${year(at)} ${clock(at)} GMT ${text}\n`,
  },
  RichHandler: {
    from: 'rich 13 RichHandler',
    error: 'GPU out of memory   worker.py:12',
    write: ({ text, at, level }) =>
      `[${two(at.getUTCMonth() + 1)}/${day(at)}/${String(year(at)).slice(2)} ${clock(at)}] ${level.padEnd(8)} ${text}   worker.py:12\n`,
  },
  coloredlogs: {
    from: 'coloredlogs 15',
    write: ({ text, at, level }) =>
      `\u001b[32m${blank(at)}\u001b[0m \u001b[35mgpu-1\u001b[0m \u001b[34mworker[12]\u001b[0m \u001b[1;30m${level}\u001b[0m ${red(text)}\n`,
  },
  loguru: {
    from: 'loguru 0.7 default format',
    write: ({ text, at, level }) => `${blank(at)}.000 | ${level.padEnd(8)} | __main__:run:12 - ${text}\n`,
  },
  'loguru, coloured': {
    from: 'loguru 0.7 to a terminal',
    write: ({ text, at, level }) =>
      `\u001b[32m${blank(at)}.000\u001b[0m | \u001b[1m${level.padEnd(8)}\u001b[0m | \u001b[36m__main__\u001b[0m:\u001b[36mrun\u001b[0m:\u001b[36m12\u001b[0m - \u001b[1m${text}\u001b[0m\n`,
  },
  'loguru, serialize': {
    from: 'loguru 0.7 serialize=True',
    write: ({ text, at, level }) =>
      json({
        text: `${blank(at)}.000 | ${level} | __main__:run:12 - ${text}\n`,
        record: {
          elapsed: { repr: '0:00:01', seconds: 1 },
          level: { name: level, no: 20 },
          message: text,
          time: { repr: `${blank(at)}.000000+00:00`, timestamp: at.getTime() / 1000 },
        },
      }),
  },
  'structlog console': {
    from: 'structlog 25 ConsoleRenderer',
    write: ({ text, at, level }) =>
      `\u001b[2m${iso(at).slice(0, -1)}000Z\u001b[0m [\u001b[32m\u001b[1m${level.toLowerCase().padEnd(9)}\u001b[0m] \u001b[1m${text}\u001b[0m\n`,
  },
  'structlog JSON': {
    from: 'structlog 25 JSONRenderer',
    write: ({ text, at, level }) =>
      json({ event: text, level: level.toLowerCase(), timestamp: `${iso(at).slice(0, -1)}000Z` }),
  },
  'python-json-logger': {
    from: 'python-json-logger 3',
    write: ({ text, at, level }) => json({ asctime: `${blank(at)},000`, levelname: level, message: text }),
  },
  uvicorn: {
    from: 'uvicorn 0.30 default logger',
    write: ({ text, level }) => `${`${level}:`.padEnd(10)}${text}\n`,
    undated: true,
  },
  gunicorn: {
    from: 'gunicorn 23 error log',
    write: ({ text, at, level }) => `[${blank(at)} +0000] [12] [${level}] ${text}\n`,
  },
  celery: {
    from: 'celery 5.4 worker',
    write: ({ text, at, level }) => `[${blank(at)},000: ${level}/ForkPoolWorker-1] ${text}\n`,
  },
  'celery task': {
    from: 'celery 5.4 get_task_logger',
    write: ({ text, at, level }) =>
      `[${blank(at)},000: ${level}/ForkPoolWorker-1] worker.transcribe[2f1c3a52-8a1e-4b5e-9c3e-1d2e3f4a5b6c]: ${text}\n`,
  },
  'celery print': {
    from: 'celery 5.4 redirected stdout',
    write: ({ text, at }) => `[${blank(at)},000: WARNING/ForkPoolWorker-1] ${text}\n`,
  },
  rq: { from: 'rq 1.16 worker, %H:%M:%S', write: ({ text, at }) => `${clock(at)} default: ${text}\n`, undated: true },
  dramatiq: {
    from: 'dramatiq 1.17',
    write: ({ text, at, level }) => `[${blank(at)},000] [PID 12] [Thread-4] [worker.transcribe] [${level}] ${text}\n`,
  },
  huey: { from: 'huey 2.5', write: ({ text, at, level }) => `[${blank(at)},000] ${level}:huey:Worker-1:${text}\n` },
  airflow: {
    from: 'Apache Airflow 2.9 task log',
    write: ({ text, at, level }) => `[${date(at)}T${clock(at)}.000+0000] {worker.py:12} ${level} - ${text}\n`,
  },
  'airflow 2.3': {
    from: 'Apache Airflow 2.3 task log',
    write: ({ text, at, level }) => `[${date(at)}, ${clock(at)} UTC] {worker.py:12} ${level} - ${text}\n`,
  },
  prefect: {
    from: 'Prefect 2 flow run log',
    write: ({ text, at, level }) => `${clock(at)}.000 | ${level.padEnd(7)} | Task run 'transcribe-0' - ${text}\n`,
    undated: true,
  },
  ray: {
    from: 'Ray 2 actor output',
    write: ({ text }) => `\u001b[36m(Worker pid=812)\u001b[0m ${text}\n`,
    undated: true,
  },
  absl: {
    from: 'absl-py 2',
    write: ({ text, at, level }) =>
      `${level[0]}${two(at.getUTCMonth() + 1)}${day(at)} ${clock(at)}.000000 140000 worker.py:12] ${text}\n`,
  },
  supervisord: { from: 'supervisor 4.2, stdout_logfile', write: ({ text }) => `${text}\n`, undated: true },
  'Go log': { from: 'Go 1.22 log', write: ({ text, at }) => `${blank(at).replaceAll('-', '/')} ${text}\n` },
  'Go log, LUTC|Lmicroseconds|Lshortfile': {
    from: 'Go 1.22 log',
    write: ({ text, at }) => `${blank(at).replaceAll('-', '/')}.000000 worker.go:12: ${text}\n`,
  },
  'slog text': {
    from: 'Go 1.22 log/slog TextHandler',
    write: ({ text, at, level }) => `time=${iso(at)} level=${level} msg=${JSON.stringify(text)}\n`,
  },
  'slog JSON': {
    from: 'Go 1.22 log/slog JSONHandler',
    write: ({ text, at, level }) => json({ time: iso(at), level, msg: text }),
  },
  'zap production': {
    from: 'go.uber.org/zap 1.27',
    write: ({ text, at, level }) =>
      json({ level: level.toLowerCase(), ts: at.getTime() / 1000, caller: 'worker.go:12', msg: text }),
  },
  'zap development': {
    from: 'go.uber.org/zap 1.27',
    write: ({ text, at, level }) => `${iso(at).slice(0, -1)}+0000\t${level}\tworker/main.go:12\t${text}\n`,
  },
  zerolog: {
    from: 'rs/zerolog 1.33',
    write: ({ text, at, level }) =>
      json({ level: level.toLowerCase(), time: Math.floor(at.getTime() / 1000), message: text }),
  },
  'zerolog console': {
    from: 'rs/zerolog 1.33 ConsoleWriter',
    write: ({ text, at, level }) =>
      `\u001b[90m${half(at).replace(/:\d\d /, '')}\u001b[0m \u001b[32m${level.slice(0, 3)}\u001b[0m ${text}\n`,
    undated: true,
  },
  'logrus text': {
    from: 'sirupsen/logrus 1.9',
    write: ({ text, at, level }) =>
      `time=${JSON.stringify(iso(at))} level=${level.toLowerCase()} msg=${JSON.stringify(text)}\n`,
  },
  'logrus JSON': {
    from: 'sirupsen/logrus 1.9',
    write: ({ text, at, level }) => json({ level: level.toLowerCase(), msg: text, time: iso(at) }),
  },
  klog: {
    from: 'k8s.io/klog 2',
    write: ({ text, at, level }) =>
      `${level[0]}${two(at.getUTCMonth() + 1)}${day(at)} ${clock(at)}.000000   12345 worker.go:12] ${text}\n`,
  },
  env_logger: {
    from: 'Rust env_logger 0.11',
    write: ({ text, at, level }) => `[${iso(at).slice(0, 19)}Z ${level} worker] ${text}\n`,
  },
  tracing: {
    from: 'Rust tracing-subscriber 0.3',
    write: ({ text, at, level }) =>
      `\u001b[2m${iso(at).slice(0, -1)}000Z\u001b[0m \u001b[32m ${level}\u001b[0m \u001b[2mworker\u001b[0m\u001b[2m:\u001b[0m ${text}\n`,
  },
  'tracing JSON': {
    from: 'Rust tracing-subscriber 0.3 json()',
    write: ({ text, at, level }) => json({ timestamp: iso(at), level, fields: { message: text }, target: 'worker' }),
  },
  log4j: {
    from: 'Log4j 2.23 default pattern',
    write: ({ text, at, level }) => `${blank(at)},000 [main] ${level}  com.example.Worker - ${text}\n`,
  },
  logback: {
    from: 'Spring Boot 3 (Logback)',
    write: ({ text, at, level }) => `${iso(at)}  ${level} 812 --- [worker] [           main] c.e.Worker : ${text}\n`,
  },
  'java.util.logging': {
    from: 'Java 21 SimpleFormatter, two lines',
    lineBefore: true,
    write: ({ text, at, level }) =>
      `${month(at)} ${day(at)}, ${year(at)} ${half(at)} com.example.Worker run\n${level}: ${text}\n`,
  },
  'logstash encoder': {
    from: 'logstash-logback-encoder 7',
    write: ({ text, at, level }) => json({ '@timestamp': iso(at), '@version': '1', message: text, level }),
  },
  '.NET console': {
    from: '.NET 8 SimpleConsoleFormatter, two lines',
    write: ({ text, level }) => `${level === 'INFO' ? 'info' : 'fail'}: Worker[0]\n      ${text}\n`,
    undated: true,
  },
  '.NET JSON': {
    from: '.NET 8 JsonConsoleFormatter',
    write: ({ text, at, level }) => json({ Timestamp: blank(at), EventId: 0, LogLevel: level, Message: text }),
  },
  Serilog: {
    from: 'Serilog 4 file sink',
    write: ({ text, at, level }) => `${blank(at)}.000 +00:00 [${level.slice(0, 3)}] ${text}\n`,
  },
  NLog: {
    from: 'NLog 5 default layout',
    write: ({ text, at, level }) => `${blank(at)}.0000|${level}|Worker|${text}\n`,
  },
  winston: {
    from: 'winston 3 json + timestamp',
    write: ({ text, at, level }) => json({ level: level.toLowerCase(), message: text, timestamp: iso(at) }),
  },
  'winston simple': {
    from: 'winston 3 simple',
    write: ({ text, level }) => `${level.toLowerCase()}: ${text}\n`,
    undated: true,
  },
  pino: {
    from: 'pino 9',
    write: ({ text, at }) => json({ level: 30, time: at.getTime(), pid: 1, hostname: 'gpu-1', msg: text }),
  },
  'pino-pretty': {
    from: 'pino-pretty 11',
    write: ({ text, at, level }) =>
      `[${clock(at)}.000] \u001b[32m${level}\u001b[39m (812): \u001b[36m${text}\u001b[39m\n`,
    undated: true,
  },
  bunyan: {
    from: 'bunyan 1.8',
    write: ({ text, at }) =>
      json({ name: 'worker', hostname: 'gpu-1', pid: 812, level: 30, msg: text, time: iso(at), v: 0 }),
  },
  'Ruby Logger': {
    from: 'Ruby 3.3 Logger',
    write: ({ text, at, level }) =>
      `${level[0]}, [${iso(at).slice(0, -1)}000 #812] ${level.padStart(5)} -- : ${text}\n`,
  },
  'PHP Monolog': {
    from: 'Monolog 3',
    write: ({ text, at, level }) => `[${iso(at).slice(0, -1)}000+00:00] worker.${level}: ${text}\n`,
  },
  'Elixir Logger': {
    from: 'Elixir 1.16 Logger',
    write: ({ text, at, level }) => `\n${clock(at)}.000 [${level.toLowerCase()}] ${text}\n`,
    undated: true,
  },
  'Apache error log': {
    from: 'Apache httpd 2.4 mod_wsgi',
    write: ({ text, at }) =>
      `[${DAYS[at.getUTCDay()]} ${month(at)} ${day(at)} ${clock(at)}.000000 ${year(at)}] [wsgi:error] [pid 812:tid 1] ${text}\n`,
  },
  'nginx error log': {
    from: 'nginx 1.26',
    write: ({ text, at }) => `${blank(at).replaceAll('-', '/')} [error] 12#12: *1 ${text}\n`,
  },
  'common log time': {
    from: 'Apache combined log, logged by a hook',
    write: ({ text, at }) => `10.0.0.1 - - [${day(at)}/${month(at)}/${year(at)}:${clock(at)} +0000] ${text}\n`,
  },
  syslog: {
    from: 'rsyslog 8, RFC 3164',
    write: ({ text, at }) =>
      `${month(at)} ${String(at.getUTCDate()).padStart(2)} ${clock(at)} gpu-1 worker[812]: ${text}\n`,
  },
  'syslog RFC 5424': {
    from: 'rsyslog 8, RSYSLOG_SyslogProtocol23Format',
    write: ({ text, at }) => `<14>1 ${iso(at).slice(0, -1)}000Z gpu-1 worker 812 - - ${text}\n`,
  },
  journalctl: {
    from: 'systemd 252 journalctl',
    write: ({ text, at }) => `${month(at)} ${day(at)} ${clock(at)} gpu-1 worker[812]: ${text}\n`,
    head: '-- Journal begins at Mon 2020-01-06 10:00:00 UTC. --\n',
  },
  'journalctl -o short-iso': {
    from: 'systemd 252',
    write: ({ text, at }) => `${date(at)}T${clock(at)}+0000 gpu-1 worker[812]: ${text}\n`,
  },
  'journalctl -o short-precise': {
    from: 'systemd 252',
    write: ({ text, at }) => `${month(at)} ${day(at)} ${clock(at)}.000000 gpu-1 worker[812]: ${text}\n`,
  },
  'journalctl -o short-full': {
    from: 'systemd 252',
    write: ({ text, at }) => `${DAYS[at.getUTCDay()]} ${blank(at)} UTC gpu-1 worker[812]: ${text}\n`,
  },
  'journalctl -o short-unix': {
    from: 'systemd 252',
    write: ({ text, at }) => `${at.getTime() / 1000}.000000 gpu-1 worker[812]: ${text}\n`,
  },
  'journalctl -o json': {
    from: 'systemd 252',
    write: ({ text, at }) =>
      json({ __CURSOR: 's=1', __REALTIME_TIMESTAMP: micros(at), _HOSTNAME: 'gpu-1', MESSAGE: text }),
  },
  'journalctl -o json, bytes': {
    from: 'systemd 252, a message with an escape character',
    write: ({ text, at }) =>
      json({ __REALTIME_TIMESTAMP: micros(at), _HOSTNAME: 'gpu-1', MESSAGE: [...Buffer.from(red(text))] }),
  },
  'journalctl -o json-sse': {
    from: 'systemd 252',
    write: ({ text, at }) => `data: ${json({ __REALTIME_TIMESTAMP: micros(at), MESSAGE: text })}\n`,
  },
  'journalctl -o export': {
    from: 'systemd 252',
    write: ({ text, at }) => `__REALTIME_TIMESTAMP=${micros(at)}\n_HOSTNAME=gpu-1\nMESSAGE=${text}\n\n`,
    lineBefore: true,
  },
  'journalctl -o with-unit': {
    from: 'systemd 252',
    write: ({ text, at }) => `${DAYS[at.getUTCDay()]} ${blank(at)} UTC gpu-1 worker.service[812]: ${text}\n`,
  },
  'docker json-file': { from: 'Docker 26 json-file driver', write: ({ text, at }) => docker(text, at) },
  'docker json-file, parts': {
    from: 'Docker 26 json-file driver, lines over 16 KiB',
    write: ({ text, at }) =>
      inParts(text, 20)
        .map((part, index, all) =>
          index === all.length - 1 ? docker(part, at) : docker(part, at).replace('\\n"', '"'),
        )
        .join(''),
  },
  'docker, a JSON logger inside': {
    from: 'Docker 26 around zap 1.27',
    write: ({ text, at }) => docker(JSON.stringify({ level: 'info', ts: at.getTime() / 1000, msg: text }), at),
  },
  'docker logs -t': { from: 'Docker 26', write: ({ text, at }) => `${iso(at).slice(0, -1)}000000Z ${text}\n` },
  'docker compose': {
    from: 'Docker Compose 2.27 logs -t',
    write: ({ text, at }) => `\u001b[36mworker-1  | \u001b[0m${iso(at)} ${text}\n`,
  },
  CRI: {
    from: 'containerd 1.7 (Kubernetes 1.30)',
    write: ({ text, at }) => `${iso(at).slice(0, -1)}456789Z stderr F ${text}\n`,
  },
  'CRI, parts': {
    from: 'containerd 1.7, lines over 16 KiB',
    write: ({ text, at }) =>
      inParts(text, 13)
        .map(
          (part, index, all) =>
            `${iso(at).slice(0, -1)}456789Z stdout ${index === all.length - 1 ? 'F' : 'P'} ${part}\n`,
        )
        .join(''),
  },
  'kubectl logs': {
    from: 'kubectl 1.30 logs --prefix --timestamps',
    write: ({ text, at }) => `[pod/worker-7d9f8b6c5-x2x4z/worker] ${iso(at)} ${text}\n`,
  },
  stern: { from: 'stern 1.30', write: ({ text, at }) => `worker-7d9f8b6c5-x2x4z worker ${iso(at)} ${text}\n` },
  'stern -o json': {
    from: 'stern 1.30',
    write: ({ text, at }) =>
      json({
        message: `${iso(at)} ${text}`,
        nodeName: 'n1',
        namespace: 'default',
        podName: 'worker-1',
        containerName: 'worker',
      }),
  },
  'Fluent Bit': {
    from: 'Fluent Bit 3 stdout, json_lines',
    write: ({ text, at }) =>
      json({ date: at.getTime() / 1000, log: `${iso(at)} stderr F ${text}`, kubernetes: { pod_name: 'worker-1' } }),
  },
  Fluentd: {
    from: 'Fluentd 1.17 out_file',
    write: ({ text, at }) => `${iso(at).slice(0, 19)}+00:00\tworker\t${json({ log: text })}`,
  },
  Vector: {
    from: 'Vector 0.38 file sink, json',
    write: ({ text, at }) =>
      json({ file: '/var/log/w.log', host: 'gpu-1', message: text, source_type: 'file', timestamp: iso(at) }),
  },
  Filebeat: {
    from: 'Filebeat 8 (ECS)',
    write: ({ text, at }) =>
      json({
        '@timestamp': iso(at),
        log: { offset: 1, file: { path: '/var/log/w.log' } },
        message: text,
        ecs: { version: '8.0.0' },
      }),
  },
  OpenTelemetry: {
    from: 'OpenTelemetry Collector 0.102 file exporter',
    write: ({ text, at }) =>
      json({
        resourceLogs: [
          { scopeLogs: [{ logRecords: [{ timeUnixNano: `${at.getTime()}000000`, body: { stringValue: text } }] }] },
        ],
      }),
  },
  'Google Cloud': {
    from: 'gcloud logging read --format=json, one entry a line',
    write: ({ text, at }) => json({ insertId: 'x', jsonPayload: { message: text }, timestamp: iso(at) }),
  },
  Heroku: { from: 'heroku logs', write: ({ text, at }) => `${iso(at).slice(0, -1)}000+00:00 app[worker.1]: ${text}\n` },
  'AWS Lambda': {
    from: 'Lambda Python 3.12 runtime',
    write: ({ text, at, level }) => `[${level}]\t${iso(at)}\t2f1c3a52-8a1e-4b5e-9c3e-1d2e3f4a5b6c\t${text}\n`,
  },
  'aws logs tail': {
    from: 'AWS CLI 2.16',
    write: ({ text, at }) => `${iso(at).slice(0, -1)}000+00:00 worker/gpu-1 ${text}\n`,
  },
  'aws logs filter-log-events': {
    from: 'AWS CLI 2.16 --output text',
    write: ({ text, at }) => `EVENTS\t36612345\t${at.getTime() + 5000}\tworker-1\t${text}\t${at.getTime()}\n`,
  },
  PowerShell: {
    from: 'Windows PowerShell 5.1 redirection (UTF-16)',
    write: ({ text, at }, index) =>
      Buffer.from(`${index === 0 ? '\ufeff' : ''}${blank(at)},000 INFO ${text}\r\n`, 'utf16le'),
  },
  CRLF: { from: 'Python 3.11 logging on Windows', write: ({ text, at }) => `${blank(at)},000 INFO ${text}\r\n` },
  BOM: {
    from: 'PowerShell 5.1 Out-File -Encoding utf8',
    write: ({ text, at }, index) => `${index === 0 ? '\ufeff' : ''}${blank(at)} ${text}\r\n`,
  },
  copytruncate: {
    from: 'logrotate 3.21 copytruncate, a writer without O_APPEND',
    write: ({ text, at }, index) =>
      Buffer.concat([Buffer.alloc(index === 0 ? 5000 : 0), Buffer.from(`${blank(at)},000 ${text}\n`)]),
  },
};
