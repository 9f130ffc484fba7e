/**
 * What the URL of a source says about how to read it, apart from where it is:
 *
 *     ?zone=America/New_York                      of times without one
 *     ?states=sleeping:QUEUED,gone:FAILED         words for states (status files, tables)
 *     ?table=work.jobs&columns=job_id:id,status:state,worker_id:    the table and its columns
 *
 * The rest of the URL is left as it is, since paths and drivers have their own queries.
 */
import { checkName, JOB_STATUS_TABLE, parseColumns, type TableShape } from '../protocol/job-status-rows.ts';
import { parseStateWords, type StateWords } from '../protocol/status-words.ts';
import { nameOfUrl } from '../protocol/system-urls.ts';
import { parseZone, ZONE_FORMS, type Zone } from '../protocol/zone.ts';
import { SourceError } from './source.ts';

export type SourceOptions = { zone?: Zone; states?: StateWords; table?: string; columns?: TableShape['columns'] };

const OPTIONS = ['zone', 'states', 'table', 'columns'] as const;

/** Throws a SourceError, `invalid_url`. */
export function splitOptions(url: string): { url: string; options: SourceOptions } {
  const mark = url.indexOf('?');
  if (mark === -1) return { url, options: {} };
  const others: string[] = [];
  const options: SourceOptions = {};
  for (const part of url.slice(mark + 1).split('&')) {
    const [name = ''] = part.split('=', 1);
    const option = OPTIONS.find((one) => one === name);
    if (option === undefined) others.push(part);
    else Object.assign(options, { [option]: readOption(option, new URLSearchParams(part).get(name) ?? '', url) });
  }
  return { url: url.slice(0, mark) + (others.length === 0 ? '' : `?${others.join('&')}`), options };
}

function readOption(option: (typeof OPTIONS)[number], value: string, url: string) {
  try {
    if (option === 'zone') return parseZone(value);
    if (option === 'states') return parseStateWords(value);
    if (option === 'columns') return parseColumns(value);
    return checkName(value);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new SourceError('invalid_url', `${nameOfUrl(url)}: ${option}: ${error.message}`, { hint: EXAMPLES[option] });
  }
}

const EXAMPLES = {
  zone: `?zone=: ${ZONE_FORMS}`,
  states: '?states=sleeping:QUEUED,gone:FAILED',
  table: '?table=jobs, or ?table=schema.jobs',
  columns: '?columns=job_id:id,status:state,worker_id: (a column without a name is not there)',
} as const;

export function tableShape({ table = JOB_STATUS_TABLE, columns = {}, states, zone }: SourceOptions): TableShape {
  return { table, columns, ...(states === undefined ? {} : { states }), ...(zone === undefined ? {} : { zone }) };
}

/** Two tables of one database are two sources. */
export function sourceName(url: string, { table }: SourceOptions): string {
  const name = nameOfUrl(url);
  return table === undefined ? name : `${name}${name.includes('?') ? '&' : '?'}table=${table}`;
}
