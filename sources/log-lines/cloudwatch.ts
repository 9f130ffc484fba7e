/**
 * CloudWatch Logs: the lines of a group, or of one of its streams, by FilterLogEvents, in pages of ten thousand.
 *
 * Requests only lines with our keywords. Agents deliver late and streams out of step, so a position is two minutes
 * before the newest line seen; reading a line twice does no harm.
 */
import type {
  CloudWatchLogsClient,
  FilteredLogEvent,
  FilterLogEventsCommandOutput,
} from '@aws-sdk/client-cloudwatch-logs';
import { parseLogLines } from '../../protocol/log-line.ts';
import { inZoneOf, readZoned } from '../../protocol/log-time.ts';
import { formatTime } from '../../protocol/time.ts';
import { awsConfig, withinLimit } from '../aws/client.ts';
import { awsError } from '../aws/errors.ts';
import type { ReadOptions, Unreadable } from '../source.ts';
import type { DatedEvent } from './dated-event.ts';
import { type LogBatch, type LogOptions, type LogReader, LogSource } from './log.ts';

export type CloudWatchOptions = LogOptions & {
  /** Events per page. */
  page_size?: number;
};

const PAGE_SIZE_MAX = 10_000;
const LATE_MAX_MS = 2 * 60_000;
/** Matches any of them. A term is a whole word, in its case. */
const PATTERN = [
  'TRANSCRIPTION_EVENT',
  ...['JOB_START', 'JOB_STARTED', 'JOB_PROGRESS', 'JOB_COMPLETE', 'JOB_COMPLETED', 'JOB_FAILED', 'JOB_FAILURE'],
]
  .flatMap((word) => [`?${word}`, `?${word.toLowerCase()}`])
  .join(' ');

export function openCloudWatchLogs(
  group: string,
  stream: string | null = null,
  options: CloudWatchOptions = {},
): LogSource {
  return new LogSource(new CloudWatchLogs(group, stream, options));
}

class CloudWatchLogs implements LogReader {
  /** FilterLogEvents allows 5 requests per second and account in small regions. */
  readonly poll_ms = 5000;
  readonly #group: string;
  readonly #stream: string | null;
  readonly #options: CloudWatchOptions;
  #client: CloudWatchLogsClient | undefined;

  constructor(group: string, stream: string | null, options: CloudWatchOptions) {
    this.#group = group;
    this.#stream = stream;
    this.#options = options;
  }

  get name(): string {
    return `cloudwatch-logs://${this.#group}${this.#stream === null ? '' : `?stream=${this.#stream}`}`;
  }

  async *read({ since_ms, from, signal }: ReadOptions): AsyncGenerator<LogBatch> {
    const start_ms = Math.max(0, Math.floor(Math.max(since_ms, Number(from ?? 0) || 0)));
    let position_ms = start_ms;
    let token: string | undefined;
    do {
      const page = await this.#page({ start_ms, token, signal });
      const events = (page.events ?? []).toSorted((a, b) => (a.timestamp ?? 0) - (b.timestamp ?? 0));
      position_ms = Math.max(position_ms, (events.at(-1)?.timestamp ?? 0) - LATE_MAX_MS);
      yield {
        ...this.#readEvents(events),
        looked_at: events.length,
        position: String(position_ms),
        undated: 0,
        // CloudWatch's own time shows the zone of one without.
        without_zone: false,
        notes: [],
      };
      // A repeated token would loop forever.
      token = page.nextToken === token ? undefined : page.nextToken;
    } while (token !== undefined);
  }

  async #page(request: {
    start_ms: number;
    token: string | undefined;
    signal: AbortSignal;
  }): Promise<FilterLogEventsCommandOutput> {
    const { CloudWatchLogsClient, FilterLogEventsCommand } = await import('@aws-sdk/client-cloudwatch-logs');
    this.#client ??= withinLimit(new CloudWatchLogsClient(awsConfig()));
    const command = new FilterLogEventsCommand({
      logGroupName: this.#group,
      ...(this.#stream === null ? {} : { logStreamNames: [this.#stream] }),
      startTime: request.start_ms,
      filterPattern: PATTERN,
      limit: this.#options.page_size ?? PAGE_SIZE_MAX,
      ...(request.token === undefined ? {} : { nextToken: request.token }),
    });
    try {
      return await this.#client.send(command, { abortSignal: request.signal });
    } catch (error) {
      request.signal.throwIfAborted();
      throw awsError(error, { name: this.name, ...this.#missing(error), allow: 'logs:FilterLogEvents' });
    }
  }

  #missing(error: unknown): { what: string; make: string } {
    const make = `aws logs create-log-group --log-group-name ${this.#group}`;
    if (this.#stream !== null && /log stream/i.test((error as Error).message)) {
      const stream = `--log-group-name ${this.#group} --log-stream-name ${this.#stream}`;
      return { what: `log stream ${this.#stream} in ${this.#group}`, make: `aws logs create-log-stream ${stream}` };
    }
    return { what: `log group ${this.#group}`, make };
  }

  /** An event is one line, or several that a logger wrote at once. */
  #readEvents(events: readonly FilteredLogEvent[]): { events: DatedEvent[]; unreadable: Unreadable[] } {
    const { zone, now = Date.now } = this.#options;
    const read = { events: [] as DatedEvent[], unreadable: [] as Unreadable[] };
    const options = { ...(zone === undefined ? {} : { zone }), now_ms: now() };
    for (const { message = '', timestamp, logStreamName } of events) {
      const { value: found, hasZone } = readZoned(() => parseLogLines(message, options));
      for (const parsed of found) {
        if ('why' in parsed) {
          const at = timestamp === undefined ? '' : `, ${formatTime(timestamp)}`;
          read.unreadable.push({ where: `stream ${logStreamName ?? '?'}${at}`, why: parsed.why });
          continue;
        }
        const own_ms = parsed.timestamp_ms ?? timestamp ?? now();
        const isOpen = !hasZone && zone === undefined && timestamp !== undefined;
        read.events.push({ ...parsed, timestamp_ms: isOpen ? inZoneOf(own_ms, timestamp) : own_ms });
      }
    }
    return read;
  }

  async close(): Promise<void> {
    this.#client?.destroy();
  }
}
