/** The age of a queue's oldest message, available only from CloudWatch (D14). */
import { CloudWatchClient, GetMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { awsConfig, withinLimit } from './aws/client.ts';

/** CloudWatch has one value per minute, some minutes late. */
const LOOK_BACK_MS = 15 * 60_000;

/** Seconds; null if there is no metric or no permission: the depth is useful without it. */
export async function oldestMessageSeconds(queue: string, signal: AbortSignal): Promise<number | null> {
  const client = withinLimit(new CloudWatchClient(awsConfig()));
  const now_ms = Date.now();
  try {
    const { MetricDataResults } = await client.send(
      new GetMetricDataCommand({
        StartTime: new Date(now_ms - LOOK_BACK_MS),
        EndTime: new Date(now_ms + 60_000),
        ScanBy: 'TimestampDescending',
        MetricDataQueries: [
          {
            Id: 'age',
            MetricStat: {
              Metric: {
                Namespace: 'AWS/SQS',
                MetricName: 'ApproximateAgeOfOldestMessage',
                Dimensions: [{ Name: 'QueueName', Value: queue }],
              },
              Period: 60,
              Stat: 'Maximum',
            },
          },
        ],
      }),
      { abortSignal: signal },
    );
    return MetricDataResults?.[0]?.Values?.[0] ?? null;
  } catch {
    signal.throwIfAborted();
    return null;
  } finally {
    client.destroy();
  }
}
