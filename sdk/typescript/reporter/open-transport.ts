/** The one place where a URL becomes a transport. */
import { JOB_STATUS_ID_LENGTH_MAX } from '../../../protocol/job-status-table.ts';
import { readSystemUrl } from '../../../protocol/system-urls.ts';
import { requirePackage } from './packages.ts';
import { type Transport, TransportError } from './report.ts';
import { CloudWatchLogsTransport } from './transports/cloudwatch-logs.ts';
import { DirectoryTransport } from './transports/directory.ts';
import { DynamodbTransport } from './transports/dynamodb.ts';
import { FileLogTransport, OutputLogTransport } from './transports/log.ts';
import { MonitorTransport } from './transports/monitor.ts';
import { MysqlTransport } from './transports/mysql.ts';
import { PostgresTransport } from './transports/postgres.ts';
import { S3Transport } from './transports/s3.ts';
import { SqliteTransport } from './transports/sqlite.ts';
import { SqsTransport } from './transports/sqs.ts';

const IN_TABLES: ReadonlySet<string> = new Set(['postgres', 'mysql', 'sqlite']);

/** Throws a SystemUrlError, or a TransportError where a package is missing. Connects to nothing yet. */
export function openTransport(url: string, { workerId, apiKey }: { workerId: string; apiKey?: string }): Transport {
  const place = readSystemUrl(url);
  if (IN_TABLES.has(place.system) && workerId.length > JOB_STATUS_ID_LENGTH_MAX) {
    throw new TransportError(`workerId ${workerId} does not fit into the table job_status`, {
      hint: `give it a name of at most ${JOB_STATUS_ID_LENGTH_MAX} characters`,
    });
  }
  switch (place.system) {
    case 'log':
      return place.file === null
        ? new OutputLogTransport(place.format)
        : new FileLogTransport(place.file, place.format);
    case 'cloudwatch-logs':
      requirePackage('@aws-sdk/client-cloudwatch-logs', url);
      return new CloudWatchLogsTransport(place.group, place.stream ?? workerId);
    case 's3':
      requirePackage('@aws-sdk/client-s3', url);
      return new S3Transport(place.bucket, place.prefix);
    case 'dir':
      return new DirectoryTransport(place.path);
    case 'postgres':
      requirePackage('pg', url);
      return new PostgresTransport(place.url);
    case 'mysql':
      requirePackage('mysql2', url);
      return new MysqlTransport(place.url);
    case 'sqlite':
      if (process.getBuiltinModule('node:sqlite') === undefined) {
        throw new TransportError(`sqlite: is not in Node ${process.version}`, { hint: 'Node 22.13 and later have it' });
      }
      return new SqliteTransport(place.path);
    case 'dynamodb':
      requirePackage('@aws-sdk/client-dynamodb', url);
      return new DynamodbTransport(place.table);
    case 'sqs':
      requirePackage('@aws-sdk/client-sqs', url);
      return new SqsTransport(place);
    case 'monitor':
      return new MonitorTransport(place.url, apiKey);
  }
}
