/** The system of the run: the full system's stack on moto, with its policies enforced, a Redis, the monitor and clients. */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { EC2Client } from '@aws-sdk/client-ec2';
import { S3Client } from '@aws-sdk/client-s3';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { TranscriptionAPI } from '../../sdk/typescript/index.ts';
import { waitFor } from '../../sdk/typescript/transport.ts';
import type { EnforcingProxy } from '../aws/enforcing-proxy.ts';
import { asPrincipal, deployFullSystem, enforcePolicies, type FullSystem } from '../aws/full-system.ts';
import type { Cleaning } from '../processes/tmon.ts';
import { type RedisClient, startRedis } from '../servers/redis.ts';
import { KilledMonitor } from './killed-monitor.ts';
import type { Keep } from './run.ts';

export type System = {
  stack: FullSystem;
  proxy: EnforcingProxy;
  monitor: KilledMonitor;
  api: TranscriptionAPI;
  redis: RedisClient;
  s3: S3Client;
  sqs: SQSClient;
  ec2: EC2Client;
};

/** Short, so that the run does not take an hour; two leases are how long a message is hidden that a killed monitor received. */
const SETTINGS = {
  lease_ms: 20_000,
  reconcile_ms: 5_000,
  reconcile_grace_ms: 20_000,
  snapshot_segments: 25,
  view_transition_ms: 1_000,
  view_worker_ms: 1_000,
  view_sums_ms: 1_000,
  view_progress_ms: 1_000,
  log_level: 'warn',
};

/** `urgent/` is what the rule of the monitor's settings is about. */
export const URGENT = { prefix: 'urgent/', options: { priority: 'high', tags: ['urgent'] } } as const;

export async function openSystem(t: Cleaning, { engine, keep }: { engine: string; keep: Keep }): Promise<System> {
  const port = await quietPort();
  const url = `http://127.0.0.1:${port}`;
  const server = await startRedis(t);
  const stack = await deployFullSystem(t, { MonitorUrl: url, AudioEvents: 'true', Engine: engine });
  const proxy = await enforcePolicies(t, stack);
  const rules = [{ ...URGENT, prefix: `${stack.outputs.Audio}${URGENT.prefix}` }];
  const settings = { ...SETTINGS, listen: `127.0.0.1:${port}`, cache: server.url, ingest_rules: JSON.stringify(rules) };
  const monitor = new KilledMonitor(t, {
    command: stack.outputs.ServeCommand!,
    more: Object.entries(settings).flatMap(([name, value]) => [`--${name.replaceAll('_', '-')}`, String(value)]),
    environment: asPrincipal(proxy, 'server'),
    keep,
  });
  const { client } = stack;
  const clients = {
    s3: new S3Client({ ...client, forcePathStyle: true }),
    sqs: new SQSClient(client),
    ec2: new EC2Client(client),
  };
  t.after(() => {
    for (const one of Object.values(clients)) one.destroy();
  });
  // While the monitor is away, calls wait for it.
  const wait = (_: number, signal: AbortSignal | undefined) => waitFor(250, signal);
  const api = new TranscriptionAPI({ baseUrl: url, retries: Number.MAX_SAFE_INTEGER, wait });
  return { stack, proxy, monitor, api, redis: await server.client(), ...clients };
}

/** Visible, hidden and delayed. */
export async function messagesIn({ sqs }: System, QueueUrl: string): Promise<number[]> {
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }));
  const { ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible, ApproximateNumberOfMessagesDelayed } =
    Attributes!;
  return [ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible, ApproximateNumberOfMessagesDelayed].map(
    Number,
  );
}

/** Below the ports that the system gives to clients, one of which might take the monitor's while it is away. */
async function quietPort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 30_000);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
}
