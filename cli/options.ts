/** Options shared by commands, and the client they configure. */
import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { reportedId } from '../protocol/reported-id.ts';
import { parseZone, ZONE_FORMS, type Zone } from '../protocol/zone.ts';
import { TranscriptionAPI, type TransportOptions } from '../sdk/typescript/index.ts';
import type { Allowance } from '../sources/check/evidence.ts';
import { CommandError, EXIT } from './exit-code.ts';
import { note } from './output.ts';

export const DEFAULT_SERVER = 'http://127.0.0.1:8080';

export type ClientOptions = {
  server: string;
  apiKey?: string;
  apiKeyFile?: string;
  /** Sent with every request, for proxies. */
  header?: Record<string, string>;
  json?: boolean;
};

/** A command that calls a monitor. */
export function clientCommand(name: string): Command {
  const server = new Option('--server <url>', 'address of the monitor').env('TMON_SERVER').default(DEFAULT_SERVER);
  return withConnection(new Command(name).addOption(server)).addOption(jsonOption());
}

/** The options of a connection to a monitor. main.ts acts on `--ca`. */
export function withConnection(command: Command): Command {
  return command
    .addOption(new Option('--api-key <key>', 'API key of the monitor').env('TMON_API_KEY'))
    .addOption(new Option('--api-key-file <path>', 'file with the API key').env('TMON_API_KEY_FILE'))
    .addOption(new Option('--ca <path>', 'PEM file of a private certificate authority to trust').env('TMON_CA'))
    .addOption(
      new Option('--header <header>', "'Name: value', sent with every request, for a proxy; repeatable, or one a line")
        .env('TMON_HEADERS')
        .argParser(header),
    );
}

function header(value: string, before: Record<string, string> = {}): Record<string, string> {
  const pairs = value
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name, content] = /^([!#$%&'*+.^`|~\w-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/.exec(line) ?? [];
      // Not Commander's error: it shows the value, which may be a secret.
      if (name === undefined || content === undefined)
        throw new CommandError(EXIT.usage, "--header or TMON_HEADERS is not of the form 'Name: value'");
      return [name, content.trimEnd()];
    });
  return { ...before, ...Object.fromEntries(pairs) };
}

export function jsonOption(): Option {
  return new Option('--json', 'JSON, one document per line');
}

/** Few retries, because a person is waiting. */
export function clientOf(
  { server, apiKey, apiKeyFile, header }: ClientOptions,
  options: Pick<TransportOptions, 'transport' | 'onWarning'> = {},
): TranscriptionAPI {
  const baseUrl = withScheme(server);
  const key = apiKey ?? (apiKeyFile === undefined ? undefined : readKey(apiKeyFile));
  const headers = header === undefined ? {} : { headers: header };
  return new TranscriptionAPI({ baseUrl, apiKey: key, ...headers, retries: 2, onWarning: warnOnce, ...options });
}

const withScheme = (server: string): string => (/^[a-z]+:\/\//i.test(server) ? server : `http://${server}`);

/** The address of a monitor for people: without a password. */
export function shownServer(server: string): string {
  const url = URL.parse(withScheme(server));
  return url === null || url.username + url.password === ''
    ? server
    : `${url.origin}${url.pathname.replace(/\/$/, '')}`;
}

function readKey(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    const { code = 'unreadable' } = error as NodeJS.ErrnoException;
    throw new CommandError(EXIT.usage, `the file of the API key, ${path}, cannot be read: ${code}`);
  }
}

const warned = new Set<string>();

function warnOnce(text: string): void {
  if (!warned.has(text)) note(`tmon: ${text}`);
  warned.add(text);
}

/** The id of a job, from its id or from the name that it has in its own system. */
export function jobId(value: string): string {
  return reportedId(value)?.job_id ?? value;
}

export function jobIds(value: string, before: string[] = []): string[] {
  return [...before, jobId(value)];
}

/** For commands that read a source. */
export function zoneOption(): Option {
  return new Option('--zone <zone>', `zone of times without one, by default utc: ${ZONE_FORMS}`).argParser(zone);
}

function zone(value: string): Zone {
  try {
    return parseZone(value);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

export function unreadableOption(): Option {
  const meaning = 'lines, files or rows of a source that may be unreadable: a number, or a share of those found';
  return new Option('--unreadable-allowed <n>', meaning).argParser(allowance).default({ count: 0 }, '0');
}

/** Parses `3` and `5%`. */
function allowance(value: string): Allowance {
  const [, number = '', percent] = /^(\d+(?:\.\d+)?)(%)?$/.exec(value) ?? [];
  if (percent !== undefined && Number(number) <= 100) return { share: Number(number) / 100 };
  if (percent === undefined && /^\d+$/.test(number)) return { count: Number(number) };
  throw new InvalidArgumentError('Must be a whole number, or a percentage like 5%.');
}

/** For options that may be repeated. */
export function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

export function wholeNumber(value: string): number {
  if (/^\d{1,15}$/.test(value)) return Number(value);
  throw new InvalidArgumentError('Must be a whole number.');
}

export function amount(value: string): number {
  const number = Number(value);
  if (value.trim() !== '' && Number.isFinite(number) && number >= 0) return number;
  throw new InvalidArgumentError('Must be a number of 0 or more.');
}

/** Parses `2025-07-07`, `2025-07-07T19:30:00Z`, or `30m`, `12h`, `7d` ago. Returns RFC 3339 in UTC. */
export function moment(value: string): string {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(value) ?? [];
  const ms =
    count === undefined ? Date.parse(value) : Date.now() - Number(count) * UNITS_MS[unit as 's' | 'm' | 'h' | 'd'];
  if (Number.isNaN(ms))
    throw new InvalidArgumentError('Must be 2025-07-07, 2025-07-07T19:30:00Z, or how long ago: 30m, 12h, 7d.');
  return new Date(ms).toISOString();
}

const UNITS_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
