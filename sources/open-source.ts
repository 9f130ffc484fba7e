/** Opens a source by its URL (protocol/system-urls.ts). Loads what it needs, such as a database driver, only then. */
import { readSystemUrl, type SystemUrl, SystemUrlError } from '../protocol/system-urls.ts';
import { type Source, SourceError } from './source.ts';
import { type SourceOptions, sourceName, splitOptions, tableShape } from './source-options.ts';

/**
 * Does not connect yet: the first read finds out what is missing. `zone`: of times without one, if the URL has none. Throws a
 * SourceError, `invalid_url`.
 */
export async function openSource(text: string, { zone }: Pick<SourceOptions, 'zone'> = {}): Promise<Source> {
  // `-`, `log:…`, `cloudwatch-logs://…`, and a log's path.
  if (text === '-' || /^(log|cloudwatch-logs):/i.test(text) || isPath(text)) {
    return (await import('./log-lines/open.ts')).openLog(text, zone === undefined ? {} : { zone });
  }
  const { url, options: given } = splitOptions(text);
  const options = zone === undefined ? given : { zone, ...given };
  return await openSystem(parseSourceUrl(url), sourceName(url, options), options);
}

const isPath = (url: string): boolean => !/^[A-Za-z][A-Za-z0-9+.-]+:/.test(url);

function parseSourceUrl(url: string): SystemUrl {
  try {
    return readSystemUrl(url);
  } catch (error) {
    if (!(error instanceof SystemUrlError)) throw error;
    throw new SourceError('invalid_url', error.message, { hint: error.hint, cause: error });
  }
}

async function openSystem(at: SystemUrl, name: string, options: SourceOptions): Promise<Source> {
  switch (at.system) {
    case 's3': {
      const [{ StatusFiles }, { openStatusBucket }] = await Promise.all([
        import('./status-files.ts'),
        import('./status-bucket.ts'),
      ]);
      return new StatusFiles(await openStatusBucket(name, at), options);
    }
    case 'dir': {
      const [{ StatusFiles }, { openStatusFolder }] = await Promise.all([
        import('./status-files.ts'),
        import('./status-folder.ts'),
      ]);
      return new StatusFiles(openStatusFolder(at.path), options);
    }
    case 'postgres': {
      const [{ StatusTable }, { postgresTable }] = await Promise.all([
        import('./status-table.ts'),
        import('./postgres-table.ts'),
      ]);
      return new StatusTable(postgresTable(name, at.url, tableShape(options)));
    }
    case 'mysql': {
      const [{ StatusTable }, { mysqlTable }] = await Promise.all([
        import('./status-table.ts'),
        import('./mysql-table.ts'),
      ]);
      return new StatusTable(mysqlTable(name, at.url, tableShape(options)));
    }
    case 'sqlite': {
      const [{ StatusTable }, { sqliteTable }] = await Promise.all([
        import('./status-table.ts'),
        import('./sqlite-table.ts'),
      ]);
      return new StatusTable(sqliteTable(name, at.path, tableShape(options)));
    }
    case 'dynamodb':
      return new (await import('./dynamodb-table.ts')).DynamodbTable(at.table, tableShape(options));
    case 'sqs':
      return new (await import('./sqs-queue.ts')).SqsQueue(name, at);
    case 'monitor':
      return new (await import('./monitor.ts')).Monitor(at.url, { name, key: process.env.TMON_API_KEY });
    case 'log':
    case 'cloudwatch-logs':
      throw new Error(`${name} is a log`);
  }
}
