/** Opens a log by its name: a path, `-` for standard input, `log:…`, `cloudwatch-logs://…`. */
import { readSystemUrl, SystemUrlError } from '../../protocol/system-urls.ts';
import { takeZone } from '../../protocol/zone.ts';
import { SourceError } from '../source.ts';
import { openCloudWatchLogs } from './cloudwatch.ts';
import { openLogFile } from './file.ts';
import type { LogOptions, LogSource } from './log.ts';
import { openStandardInput } from './standard-input.ts';

/** Throws a SourceError: `invalid_url`. */
export function openLog(text: string, options: LogOptions = {}): LogSource {
  if (text === '-') return openStandardInput(options);
  if (!/^[A-Za-z][A-Za-z0-9+.-]+:/.test(text)) return openLogFile(text, options);
  try {
    const { url: rest, zone } = takeZone(text);
    const url = readSystemUrl(rest);
    const inZone = zone === null ? options : { ...options, zone };
    if (url.system === 'log') return url.file === null ? openStandardInput(inZone) : openLogFile(url.file, inZone);
    if (url.system === 'cloudwatch-logs') return openCloudWatchLogs(url.group, url.stream, inZone);
  } catch (error) {
    if (error instanceof RangeError) {
      throw new SourceError('invalid_url', error.message, { hint: 'for example log:/var/log/worker.log?zone=local' });
    }
    if (!(error instanceof SystemUrlError)) throw error;
    throw new SourceError('invalid_url', `${text} is not a log`, { hint: error.hint, cause: error });
  }
  throw new SourceError('invalid_url', `${text} is not a log`, { hint: `tmon check ${text} reads it` });
}
