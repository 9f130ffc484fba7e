/** Creates the sink that a URL names. */
import { JOB_STATUS_ID_LENGTH_MAX } from '../../../protocol/job-status-table.ts';
import { readSystemUrl } from '../../../protocol/system-urls.ts';
import { requirePackage } from './packages.ts';
import { type Sink, SinkError } from './report.ts';
import { CloudWatchLogsSink } from './sinks/cloudwatch-logs.ts';
import { DirectorySink } from './sinks/directory.ts';
import { DynamodbSink } from './sinks/dynamodb.ts';
import { FileLogSink, OutputLogSink } from './sinks/log.ts';
import { MonitorSink } from './sinks/monitor.ts';
import { MysqlSink } from './sinks/mysql.ts';
import { PostgresSink } from './sinks/postgres.ts';
import { S3Sink } from './sinks/s3.ts';
import { SqliteSink } from './sinks/sqlite.ts';
import { SqsSink } from './sinks/sqs.ts';

const IN_TABLES: ReadonlySet<string> = new Set(['postgres', 'mysql', 'sqlite']);

/** Throws a SystemUrlError, or a SinkError if a package is missing. Does not connect yet. */
export function openSink(url: string, { workerId, apiKey }: { workerId: string; apiKey?: string }): Sink {
  const place = readSystemUrl(url);
  if (IN_TABLES.has(place.system) && workerId.length > JOB_STATUS_ID_LENGTH_MAX) {
    throw new SinkError(`workerId ${workerId} is too long for the table job_status`, {
      hint: `use a name of at most ${JOB_STATUS_ID_LENGTH_MAX} characters`,
    });
  }
  switch (place.system) {
    case 'log':
      return place.file === null ? new OutputLogSink(place.format) : new FileLogSink(place.file, place.format);
    case 'cloudwatch-logs':
      requirePackage('@aws-sdk/client-cloudwatch-logs', url);
      return new CloudWatchLogsSink(place.group, place.stream ?? workerId);
    case 's3':
      requirePackage('@aws-sdk/client-s3', url);
      return new S3Sink(place.bucket, place.prefix);
    case 'dir':
      return new DirectorySink(place.path);
    case 'postgres':
      requirePackage('pg', url);
      return new PostgresSink(place.url);
    case 'mysql':
      requirePackage('mysql2', url);
      return new MysqlSink(place.url);
    case 'sqlite':
      if (process.getBuiltinModule('node:sqlite') === undefined) {
        throw new SinkError(`sqlite: is not supported by Node ${process.version}`, { hint: 'Node 22.13 or later' });
      }
      return new SqliteSink(place.path);
    case 'dynamodb':
      requirePackage('@aws-sdk/client-dynamodb', url);
      return new DynamodbSink(place.table);
    case 'sqs':
      requirePackage('@aws-sdk/client-sqs', url);
      return new SqsSink(place);
    case 'monitor':
      return new MonitorSink(place.url, apiKey);
  }
}
