/** Items of a DynamoDB table with the columns of `job_status` as attributes: one UpdateItem per change. */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { dynamoUpdate } from '../../../../protocol/job-status-table.ts';
import { awsConfig, awsErrorName, awsFailure, REQUESTS_AT_ONCE } from '../aws.ts';
import { forEachOf, lastOfEachJob, type Refusal, type Report, type Sink } from '../report.ts';

export class DynamodbSink implements Sink {
  readonly name: string;
  readonly linger_ms = 50;
  readonly #table: string;
  #client: DynamoDBClient | null = null;

  constructor(table: string) {
    this.name = `dynamodb://${table}`;
    this.#table = table;
  }

  async send(batch: readonly Report[]): Promise<Refusal[]> {
    const { DynamoDBClient, UpdateItemCommand } = await import('@aws-sdk/client-dynamodb');
    this.#client ??= new DynamoDBClient(awsConfig());
    const client = this.#client;
    const refusals: Refusal[] = [];
    try {
      await forEachOf(lastOfEachJob(batch), REQUESTS_AT_ONCE, async (report) => {
        try {
          await client.send(new UpdateItemCommand(dynamoUpdate(this.#table, report.sighting, { late: report.late })));
        } catch (error) {
          const name = awsErrorName(error);
          // The item was written by another worker and is newer.
          if (name === 'ConditionalCheckFailedException') return;
          if (name !== 'ValidationException') throw error;
          refusals.push({ report, why: (error as Error).message });
        }
      });
      return refusals;
    } catch (error) {
      throw awsFailure(error, { what: `table ${this.#table}`, make: `tmon db init ${this.name}` });
    }
  }

  async close(): Promise<void> {
    this.#client?.destroy();
  }
}
