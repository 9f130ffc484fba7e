/** `dynamodb://table`: the items of a `job_status` table, by Scan, which reads (and bills) every item each time. */
import { DynamoDBClient, ScanCommand, type ScanCommandInput } from '@aws-sdk/client-dynamodb';
import { dynamoRow, dynamoSince } from '../protocol/job-status-table.ts';
import { awsConfig } from './aws/client.ts';
import { awsError } from './aws/errors.ts';
import type { Reading, ReadOptions, Source } from './source.ts';
import { readRows, sinceOf, TablePosition } from './table-rows.ts';

export class DynamodbTable implements Source {
  readonly name: string;
  readonly #table: string;
  readonly #client = new DynamoDBClient(awsConfig());

  constructor(table: string) {
    this.name = `dynamodb://${table}`;
    this.#table = table;
  }

  async *read(options: ReadOptions): AsyncIterable<Reading> {
    const thing = {
      name: this.name,
      what: `table ${this.#table}`,
      make: `tmon db init ${this.name}`,
      allow: 'dynamodb:Scan',
    };
    const position = new TablePosition(options.from);
    const since = dynamoSince(this.#table, sinceOf(options));
    // Running jobs are returned whatever their age: a job that has hung for days is still stuck.
    const scan = {
      ...since,
      FilterExpression: `${since.FilterExpression} OR #status = :running`,
      ExpressionAttributeNames: { ...since.ExpressionAttributeNames, '#status': 'status' },
      ExpressionAttributeValues: { ...since.ExpressionAttributeValues, ':running': { S: 'PROCESSING' } },
    };
    for (let ExclusiveStartKey: ScanCommandInput['ExclusiveStartKey']; ; ) {
      const command = new ScanCommand({ ...scan, ExclusiveStartKey });
      const page = await this.#client.send(command, { abortSignal: options.signal }).catch((error) => {
        throw awsError(error, thing);
      });
      yield readRows((page.Items ?? []).map(dynamoRow), position);
      ExclusiveStartKey = page.LastEvaluatedKey;
      if (ExclusiveStartKey === undefined) return;
    }
  }

  async close(): Promise<void> {
    this.#client.destroy();
  }
}
