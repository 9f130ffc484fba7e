/** `dynamodb://table`: the items of a `job_status` table, by Scan, which reads (and bills) every item each time. */
import { DynamoDBClient, ScanCommand, type ScanCommandInput } from '@aws-sdk/client-dynamodb';
import type { TableShape } from '../protocol/job-status-rows.ts';
import { dynamoRow, dynamoSince } from '../protocol/job-status-table.ts';
import { awsConfig, withinLimit } from './aws/client.ts';
import { awsError } from './aws/errors.ts';
import type { Reading, ReadOptions, Source } from './source.ts';
import { readRows, sinceInText, TablePosition } from './table-rows.ts';

export class DynamodbTable implements Source {
  readonly name: string;
  readonly #table: string;
  readonly #shape: TableShape;
  readonly #client = withinLimit(new DynamoDBClient(awsConfig()));

  constructor(table: string, shape: TableShape) {
    this.name = `dynamodb://${table}`;
    this.#table = table;
    this.#shape = shape;
  }

  async *read(options: ReadOptions): AsyncIterable<Reading> {
    const thing = {
      name: this.name,
      what: `table ${this.#table}`,
      make: `tmon db init ${this.name}`,
      allow: 'dynamodb:Scan',
    };
    const position = new TablePosition(options.from);
    const scan = dynamoSince(this.#table, sinceInText(options, this.#shape), this.#shape);
    for (let ExclusiveStartKey: ScanCommandInput['ExclusiveStartKey']; ; ) {
      const command = new ScanCommand({ ...scan, ExclusiveStartKey });
      const page = await this.#client.send(command, { abortSignal: options.signal }).catch((error) => {
        throw awsError(error, thing);
      });
      const rows = (page.Items ?? []).map((item) => dynamoRow(item, this.#shape));
      yield { ...readRows(rows, position, this.#shape), found: page.ScannedCount ?? rows.length };
      ExclusiveStartKey = page.LastEvaluatedKey;
      if (ExclusiveStartKey === undefined) return;
    }
  }

  async close(): Promise<void> {
    this.#client.destroy();
  }
}
