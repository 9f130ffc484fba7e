/**
 * Log lines in a stream of CloudWatch Logs. The stream is created if it does not exist; the group is not, because its
 * owner sets how long lines are kept.
 */
import type { CloudWatchLogsClient, InputLogEvent } from '@aws-sdk/client-cloudwatch-logs';
import { formatLogLine } from '../../../../protocol/log-format.ts';
import { awsConfig, awsErrorName, awsFailure } from '../aws.ts';
import { allOf, type Refusal, type Report, type Sink } from '../report.ts';

/**
 * Limits of PutLogEvents, which counts 26 bytes more per event. A report is smaller than an event's own limit, 256 KiB.
 */
const EVENTS_MAX = 10_000;
const BYTES_MAX = 1_048_576;
const BYTES_PER_EVENT = 26;
/** Longest time from the first to the last event of one request. */
const SPAN_MS_MAX = 24 * 3_600_000;

export class CloudWatchLogsSink implements Sink {
  readonly name: string;
  /** Requests are billed, lines are not. */
  readonly linger_ms = 200;
  readonly #group: string;
  readonly #stream: string;
  #client: CloudWatchLogsClient | null = null;

  constructor(group: string, stream: string) {
    this.name = `cloudwatch-logs://${group}`;
    this.#group = group;
    // Characters that a stream name can't have.
    this.#stream = stream.replace(/[:*]/g, '-').slice(0, 512);
  }

  async send(batch: readonly Report[]): Promise<readonly Refusal[]> {
    const refusals: Refusal[] = [];
    for (const reports of requestsOf(batch)) refusals.push(...(await this.#put(reports)));
    return refusals;
  }

  async close(): Promise<void> {
    this.#client?.destroy();
  }

  async #put(reports: readonly Report[]): Promise<Refusal[]> {
    try {
      return await this.#putOnce(reports);
    } catch (error) {
      if (awsErrorName(error) !== 'ResourceNotFoundException') throw this.#failure(error);
    }
    try {
      await this.#makeStream();
      return await this.#putOnce(reports);
    } catch (error) {
      throw this.#failure(error);
    }
  }

  async #putOnce(reports: readonly Report[]): Promise<Refusal[]> {
    const { CloudWatchLogsClient, PutLogEventsCommand } = await import('@aws-sdk/client-cloudwatch-logs');
    this.#client ??= new CloudWatchLogsClient(awsConfig());
    const { rejectedLogEventsInfo: rejected } = await this.#client.send(
      new PutLogEventsCommand({
        logGroupName: this.#group,
        logStreamName: this.#stream,
        logEvents: reports.map(eventOf),
      }),
    );
    const oldEnd = Math.max(rejected?.tooOldLogEventEndIndex ?? 0, rejected?.expiredLogEventEndIndex ?? 0);
    const newStart = rejected?.tooNewLogEventStartIndex ?? reports.length;
    return reports.flatMap((report, at) =>
      at < oldEnd || at >= newStart
        ? [{ report, why: `CloudWatch Logs does not accept a line of ${report.event.timestamp}` }]
        : [],
    );
  }

  async #makeStream(): Promise<void> {
    const { CreateLogStreamCommand } = await import('@aws-sdk/client-cloudwatch-logs');
    const create = new CreateLogStreamCommand({ logGroupName: this.#group, logStreamName: this.#stream });
    await this.#client?.send(create).catch((error: unknown) => {
      if (awsErrorName(error) !== 'ResourceAlreadyExistsException') throw error;
    });
  }

  #failure(error: unknown) {
    const make = `aws logs create-log-group --log-group-name ${this.#group}`;
    return awsFailure(error, { what: `log group ${this.#group}`, make });
  }
}

const eventOf = (report: Report): InputLogEvent => ({
  timestamp: report.sighting.told_ms,
  message: formatLogLine(allOf(report)),
});

/** Ordered by time, as PutLogEvents requires, and split to its limits. */
function* requestsOf(batch: readonly Report[]): Generator<Report[]> {
  const sorted = [...batch].sort((a, b) => a.sighting.told_ms - b.sighting.told_ms);
  let request: Report[] = [];
  let bytes = 0;
  for (const report of sorted) {
    const size = Buffer.byteLength(eventOf(report).message!) + BYTES_PER_EVENT;
    const first_ms = request[0]?.sighting.told_ms ?? report.sighting.told_ms;
    const full = request.length >= EVENTS_MAX || bytes + size > BYTES_MAX;
    if (request.length > 0 && (full || report.sighting.told_ms - first_ms >= SPAN_MS_MAX)) {
      yield request;
      request = [];
      bytes = 0;
    }
    request.push(report);
    bytes += size;
  }
  if (request.length > 0) yield request;
}
