/** The status of a stack or a queue: the queue, its dead letters, their alarms, and the last hour in CloudWatch. */

import { CloudFormationClient, paginateDescribeStacks } from '@aws-sdk/client-cloudformation';
import { CloudWatchClient, GetMetricDataCommand, paginateDescribeAlarms } from '@aws-sdk/client-cloudwatch';
import { GetQueueAttributesCommand, GetQueueUrlCommand, SQSClient } from '@aws-sdk/client-sqs';
import { HOUR_MS } from '../../protocol/time.ts';

export type QueueStatus = {
  name: string;
  waiting: number;
  in_flight: number;
  /** From the last minutes in CloudWatch, in seconds; null if it has no value. */
  age_oldest_message: number | null;
};

export type AlarmStatus = {
  name: string;
  description: string;
  /** OK, ALARM, INSUFFICIENT_DATA. */
  state: string;
  since: string | null;
  reason: string;
};

/** Sums and maxima of the last 60 minutes; null if CloudWatch has no value. */
export type HourOfMetrics = {
  submitted: number | null;
  done: number | null;
  waiting_max: number | null;
  in_flight_max: number | null;
  age_oldest_message_max: number | null;
  done_per_5_minutes: number[];
};

export type AwsStatus = {
  queue: QueueStatus;
  dead_letter_queue: QueueStatus | null;
  alarms: AlarmStatus[];
  last_hour: HourOfMetrics;
};

const PERIOD_SECONDS = 300;

export class AwsFleet {
  readonly #sqs = new SQSClient();
  readonly #cloudWatch = new CloudWatchClient();

  async status(queueName: string, now: Date): Promise<AwsStatus> {
    const queue = await this.#queue(queueName);
    const deadName = nameOfDeadLetters(queue.redrive_policy);
    const dead = deadName === null ? null : await this.#queue(deadName);
    const watched = new Set([queueName, ...(deadName === null ? [] : [deadName])]);
    const [last_hour, alarms] = await Promise.all([this.#lastHour(queueName, now), this.#alarms(watched)]);
    const { redrive_policy: _, ...shown } = queue;
    return {
      queue: { ...shown, age_oldest_message: last_hour.age_now },
      dead_letter_queue: dead && {
        name: dead.name,
        waiting: dead.waiting,
        in_flight: dead.in_flight,
        age_oldest_message: null,
      },
      alarms,
      last_hour: last_hour.figures,
    };
  }

  close(): void {
    this.#sqs.destroy();
    this.#cloudWatch.destroy();
  }

  async #queue(name: string) {
    const { QueueUrl } = await this.#sqs.send(new GetQueueUrlCommand({ QueueName: name }));
    const { Attributes = {} } = await this.#sqs.send(
      new GetQueueAttributesCommand({
        QueueUrl,
        AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible', 'RedrivePolicy'],
      }),
    );
    return {
      name,
      waiting: Number(Attributes.ApproximateNumberOfMessages ?? 0),
      in_flight: Number(Attributes.ApproximateNumberOfMessagesNotVisible ?? 0),
      redrive_policy: Attributes.RedrivePolicy,
    };
  }

  async #lastHour(queueName: string, now: Date): Promise<{ figures: HourOfMetrics; age_now: number | null }> {
    const { MetricDataResults = [] } = await this.#cloudWatch.send(
      new GetMetricDataCommand({
        StartTime: new Date(now.getTime() - HOUR_MS),
        EndTime: now,
        ScanBy: 'TimestampAscending',
        MetricDataQueries: METRICS.map(([Id, MetricName, Stat]) => ({
          Id,
          MetricStat: {
            Metric: { Namespace: 'AWS/SQS', MetricName, Dimensions: [{ Name: 'QueueName', Value: queueName }] },
            Period: PERIOD_SECONDS,
            Stat,
          },
        })),
      }),
    );
    const values = (id: string) => MetricDataResults.find(({ Id }) => Id === id)?.Values ?? [];
    const sum = (id: string) => (values(id).length > 0 ? values(id).reduce((a, b) => a + b, 0) : null);
    const max = (id: string) => (values(id).length > 0 ? Math.max(...values(id)) : null);
    return {
      age_now: values('age').at(-1) ?? null,
      figures: {
        submitted: sum('sent'),
        done: sum('deleted'),
        waiting_max: max('visible'),
        in_flight_max: max('in_flight'),
        age_oldest_message_max: max('age'),
        done_per_5_minutes: [...values('deleted')],
      },
    };
  }

  /** The alarms with a metric of one of these queues. */
  async #alarms(queues: ReadonlySet<string>): Promise<AlarmStatus[]> {
    const found: AlarmStatus[] = [];
    for await (const { MetricAlarms = [] } of paginateDescribeAlarms({ client: this.#cloudWatch }, {})) {
      for (const alarm of MetricAlarms) {
        const metrics = (alarm.Metrics ?? []).map(({ MetricStat }) => MetricStat?.Metric);
        const dimensions = [alarm, ...metrics].flatMap((one) => one?.Dimensions ?? []);
        if (!dimensions.some(({ Name, Value }) => Name === 'QueueName' && queues.has(Value ?? ''))) continue;
        found.push({
          name: alarm.AlarmName ?? '',
          description: alarm.AlarmDescription ?? '',
          state: alarm.StateValue ?? 'INSUFFICIENT_DATA',
          since: alarm.StateUpdatedTimestamp?.toISOString() ?? null,
          reason: alarm.StateReason ?? '',
        });
      }
    }
    return found.sort((a, b) => RANK[a.state]! - RANK[b.state]! || (a.name < b.name ? -1 : 1));
  }
}

/** The name of a stack's queue; null if the stack has no such output. */
export async function queueOfStack(stack: string): Promise<string | null> {
  const client = new CloudFormationClient();
  try {
    for await (const { Stacks = [] } of paginateDescribeStacks({ client }, { StackName: stack })) {
      for (const { Outputs = [] } of Stacks) {
        const output = Outputs.find(({ OutputKey }) => OutputKey === 'QueueName');
        if (output?.OutputValue) return output.OutputValue;
      }
    }
    return null;
  } finally {
    client.destroy();
  }
}

const METRICS = [
  ['sent', 'NumberOfMessagesSent', 'Sum'],
  ['deleted', 'NumberOfMessagesDeleted', 'Sum'],
  ['visible', 'ApproximateNumberOfMessagesVisible', 'Maximum'],
  ['in_flight', 'ApproximateNumberOfMessagesNotVisible', 'Maximum'],
  ['age', 'ApproximateAgeOfOldestMessage', 'Maximum'],
] as const;

const RANK: Record<string, number> = { ALARM: 0, INSUFFICIENT_DATA: 1, OK: 2 };

function nameOfDeadLetters(policy: string | undefined): string | null {
  if (policy === undefined) return null;
  const { deadLetterTargetArn } = JSON.parse(policy) as { deadLetterTargetArn?: string };
  return deadLetterTargetArn?.split(':').at(-1) ?? null;
}
