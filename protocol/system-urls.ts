/**
 * The URLs of the systems without a server: where a worker reports to and a reader reads from. Imports nothing.
 *
 *     log:  log:/var/log/worker.log  log:?format=plain        standard output, a file; the lines without JSON
 *     cloudwatch-logs:///aws/ec2/transcription                a group whose name begins with a slash
 *     cloudwatch-logs://group/stream                          one whose name doesn't; ?stream=NAME works for both
 *     s3://bucket/prefix  dir:PATH                            status files, below jobs/ there
 *     postgres://  mysql://  sqlite:PATH  dynamodb://table    the table job_status
 *     sqs://queue-name  sqs://https://sqs.eu-west-1.amazonaws.com/123456789012/queue-name
 *     http(s)://host                                          a monitor
 */

export class SystemUrlError extends Error {
  readonly hint: string;

  constructor(url: string, hint: string) {
    super(`${JSON.stringify(nameOfUrl(url))} is not the URL of a supported system`);
    this.name = 'SystemUrlError';
    this.hint = hint;
  }
}

export type SystemUrl =
  | { system: 'log'; file: string | null; format: 'json' | 'plain' }
  | { system: 'cloudwatch-logs'; group: string; stream: string | null }
  /** `prefix` is empty or ends with a slash. */
  | { system: 's3'; bucket: string; prefix: string }
  | { system: 'dir'; path: string }
  | { system: 'postgres' | 'mysql'; url: string }
  | { system: 'sqlite'; path: string }
  | { system: 'dynamodb'; table: string }
  /** One of the two is null. */
  | { system: 'sqs'; queue: string | null; queue_url: string | null }
  | { system: 'monitor'; url: string };

/** Throws a SystemUrlError. */
export function readSystemUrl(url: string): SystemUrl {
  const [, scheme = '', rest = ''] = /^([A-Za-z][A-Za-z0-9+.-]*):(.*)$/s.exec(url) ?? [];
  const read = READERS[scheme.toLowerCase()];
  if (read === undefined) throw new SystemUrlError(url, EXAMPLES);
  return read(rest, url);
}

/** The URL for display: without a password or key. */
export function nameOfUrl(url: string): string {
  return url
    .replace(/^([a-z][a-z0-9+.-]*:\/\/)([^/?#@]*@)+/i, (all, scheme: string) => {
      const user = all.slice(scheme.length).split(':')[0]!.replace(/@$/, '');
      return user === '' ? scheme : `${scheme}${user}@`;
    })
    .replace(/([?&](?:password|passwd|token|key|secret)=)[^&#]*/gi, '$1…');
}

const EXAMPLES =
  'log:, log:/var/log/worker.log, cloudwatch-logs:///aws/ec2/transcription, s3://bucket/prefix, dir:PATH, postgres://user@host/db, mysql://user@host/db, sqlite:PATH, dynamodb://table, sqs://queue, http://monitor:8080';

const READERS: Record<string, (rest: string, url: string) => SystemUrl> = {
  log(rest, url) {
    const { path, query } = split(rest);
    const format = query.get('format') ?? 'json';
    if (format !== 'json' && format !== 'plain') throw new SystemUrlError(url, 'the format must be json or plain');
    return { system: 'log', file: path === '' ? null : local(path), format };
  },
  'cloudwatch-logs'(rest, url) {
    const { path, query } = split(rest.replace(/^\/\//, ''));
    const stream = query.get('stream');
    const slash = path.indexOf('/');
    // AWS's own groups are paths: then the group is the whole of it.
    const whole = slash <= 0 || stream !== null;
    const group = whole ? path : path.slice(0, slash);
    if (group === '' || group === '/')
      throw new SystemUrlError(url, 'cloudwatch-logs:///aws/ec2/transcription, or cloudwatch-logs://group/stream');
    return { system: 'cloudwatch-logs', group, stream: stream ?? (whole ? null : path.slice(slash + 1) || null) };
  },
  s3(rest, url) {
    const [, bucket = '', prefix = ''] = /^\/\/([^/?#]+)\/*([^?#]*)$/.exec(rest) ?? [];
    if (bucket === '') throw new SystemUrlError(url, 's3://bucket or s3://bucket/prefix');
    return { system: 's3', bucket, prefix: prefix === '' ? '' : `${prefix.replace(/\/+$/, '')}/` };
  },
  dir(rest, url) {
    if (rest === '') throw new SystemUrlError(url, 'dir:PATH, for example dir:/var/lib/transcription');
    return { system: 'dir', path: local(rest) };
  },
  sqlite(rest, url) {
    if (rest === '' || rest === '//') throw new SystemUrlError(url, 'sqlite:PATH, for example sqlite:/var/lib/jobs.db');
    return { system: 'sqlite', path: local(rest) };
  },
  postgres: (rest, url) => database('postgres', rest, url),
  postgresql: (rest, url) => database('postgres', rest, url),
  mysql: (rest, url) => database('mysql', rest, url),
  mariadb: (rest, url) => database('mysql', rest, url.replace(/^mariadb/i, 'mysql')),
  dynamodb(rest, url) {
    const [, table = ''] = /^\/\/([A-Za-z0-9_.-]{3,255})\/?$/.exec(rest) ?? [];
    if (table === '') throw new SystemUrlError(url, 'dynamodb://table: 3 to 255 letters, digits, _, . and -');
    return { system: 'dynamodb', table };
  },
  sqs(rest, url) {
    const name = rest.replace(/^\/\//, '').replace(/\/+$/, '');
    if (/^https?:\/\/./.test(name)) return { system: 'sqs', queue: null, queue_url: name };
    if (/^[\w.-]+\/\d+\/[\w.-]+$/.test(name)) return { system: 'sqs', queue: null, queue_url: `https://${name}` };
    if (!/^[\w-]{1,80}(\.fifo)?$/.test(name)) throw new SystemUrlError(url, 'sqs://queue-name, or sqs:// and its URL');
    return { system: 'sqs', queue: name, queue_url: null };
  },
  http: (rest, url) => monitor(rest, url),
  https: (rest, url) => monitor(rest, url),
};

function database(system: 'postgres' | 'mysql', rest: string, url: string): SystemUrl {
  if (!/^\/\/./.test(rest)) throw new SystemUrlError(url, `${system}://user:password@host/database`);
  return { system, url };
}

function monitor(rest: string, url: string): SystemUrl {
  if (!/^\/\/[^/]/.test(rest)) throw new SystemUrlError(url, 'http://host:8080');
  return { system: 'monitor', url };
}

function split(rest: string): { path: string; query: URLSearchParams } {
  const mark = rest.indexOf('?');
  return mark === -1
    ? { path: rest, query: new URLSearchParams() }
    : { path: rest.slice(0, mark), query: new URLSearchParams(rest.slice(mark + 1)) };
}

/** `sqlite:///var/lib/jobs.db` is a path too. */
const local = (path: string): string => path.replace(/^\/\/(?=\/)/, '');
