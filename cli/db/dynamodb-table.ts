/** Creates the DynamoDB form of `job_status`. */
import {
  CreateTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  type TableDescription,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import { dynamoCreateTable } from '../../protocol/job-status-table.ts';
import { awsConfig } from '../../sources/aws/client.ts';
import { awsError } from '../../sources/aws/errors.ts';
import { SourceError } from '../../sources/source.ts';
import type { TableMaker } from './table-maker.ts';

const READY_WITHIN_SECONDS = 120;

export function dynamoTable(table: string): TableMaker {
  const name = `dynamodb://${table}`;
  return {
    name,
    statement: `aws dynamodb create-table --table-name ${table} --attribute-definitions AttributeName=job_id,AttributeType=S --key-schema AttributeName=job_id,KeyType=HASH --billing-mode PAY_PER_REQUEST`,
    async make() {
      const client = new DynamoDBClient(awsConfig());
      try {
        const made = await client.send(new CreateTableCommand(dynamoCreateTable(table))).then(
          () => true,
          (error: Error) => {
            if (error.name !== 'ResourceInUseException') throw error;
            return false;
          },
        );
        await waitUntilTableExists({ client, maxWaitTime: READY_WITHIN_SECONDS, minDelay: 1 }, { TableName: table });
        if (!made) assertOurs(name, (await client.send(new DescribeTableCommand({ TableName: table }))).Table);
        return made;
      } catch (error) {
        throw awsError(error, {
          name,
          what: `table ${table}`,
          make: `tmon db init ${name}`,
          allow: 'dynamodb:CreateTable and dynamodb:DescribeTable',
        });
      } finally {
        client.destroy();
      }
    },
  };
}

function assertOurs(name: string, table: TableDescription | undefined): void {
  const keys = (table?.KeySchema ?? []).map(({ AttributeName }) => AttributeName);
  if (keys.join() === 'job_id') return;
  throw new SourceError('unusable', `${name}: the table exists, but its key is ${keys.join(', ')}, not job_id`, {
    hint: 'tmon db init dynamodb://job_status creates another',
  });
}
