/** Queues by URL. SQS's client takes a while to load, and is loaded only with such a queue. */
import type { Clock } from '../clock.ts';
import { ClaimLine } from './claim-line.ts';
import { Intake, type IntakeOptions } from './ingest/intake.ts';
import type { IngestRule } from './ingest/rules.ts';
import { understand, type Validate } from './ingest/understand.ts';
import type { ExternalQueue, JobQueue } from './job-queue.ts';
import type { QueueEngine, QueueLog } from './queue-engine.ts';
import { parseQueueUrl } from './queue-url.ts';

export type OpenQueueOptions = {
  engine: QueueEngine;
  clock: Clock;
  log: QueueLog;
  rules: readonly IngestRule[];
  /** Prefixes of URLs of this monitor's own objects, which are not recordings. */
  own_urls: readonly string[];
  validate: Validate;
} & Pick<IntakeOptions, 'archived' | 'check'>;

export type OpenedQueue = { claims: JobQueue; external: ExternalQueue | null };

/** Throws MonitorError if the queue can't be used. */
export async function openQueue(url: string, options: OpenQueueOptions): Promise<OpenedQueue> {
  const { engine, clock, log, rules, own_urls, validate, archived, check } = options;
  const address = parseQueueUrl(url);
  if (address === null) return { claims: new ClaimLine(engine, clock), external: null };
  const { SqsClient } = await import('./sqs-client.ts');
  const { CarriedQueue } = await import('./carried-queue.ts');
  const port = await SqsClient.open(address);
  const intake = new Intake({
    engine,
    log,
    url,
    archived,
    check,
    understand: (message) => understand(message, { rules, own_urls, validate }),
  });
  const queue = new CarriedQueue({ port, engine, clock, log, intake });
  return { claims: queue, external: queue };
}
