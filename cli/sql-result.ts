/** A result of SQL as a table for people, CSV or a JSON list; to stdout or a file, as fast as it is read. */
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { csvLine } from '../server/sql.ts';
import { isTerminal, printTable, tableLines } from './output.ts';

export const FORMATS = ['table', 'csv', 'json', 'parquet'] as const;
export type Format = (typeof FORMATS)[number];

type Row = readonly unknown[];
export type SqlResult = {
  columns: readonly { name: string }[];
  /** Some at a time. */
  rows: AsyncIterable<readonly Row[]> | Iterable<readonly Row[]>;
};

export type Writing = {
  format: Exclude<Format, 'parquet'>;
  /** 0: all rows. */
  limit: number;
  /** undefined: stdout. */
  output: string | undefined;
};

/** Returns whether these were all rows. */
export async function writeResult(result: SqlResult, { format, limit, output }: Writing): Promise<boolean> {
  const names = result.columns.map(({ name }) => name);
  const rows = new LimitedRows(result.rows, limit);
  if (format === 'table') await writeTable(names, rows, output);
  else await writeText(format === 'csv' ? csvOf(names, rows) : jsonOf(names, rows), output);
  return rows.complete;
}

class LimitedRows implements AsyncIterable<readonly Row[]> {
  complete = true;
  readonly #rows: SqlResult['rows'];
  readonly #limit: number;

  constructor(rows: SqlResult['rows'], limit: number) {
    this.#rows = rows;
    this.#limit = limit;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly Row[], void, void> {
    let left = this.#limit > 0 ? this.#limit : Number.POSITIVE_INFINITY;
    for await (const some of this.#rows) {
      yield some.slice(0, left);
      if (some.length > left) {
        this.complete = false;
        return;
      }
      left -= some.length;
    }
  }
}

async function writeTable(names: readonly string[], rows: LimitedRows, output: string | undefined): Promise<void> {
  const cells: string[][] = [];
  for await (const some of rows) for (const row of some) cells.push(row.map(cellOf));
  if (output === undefined) return printTable(names, cells);
  await writeText([tableLines(names, cells).join('\n'), '\n'], output);
}

async function* csvOf(names: readonly string[], rows: LimitedRows): AsyncGenerator<string, void, void> {
  yield csvLine(names);
  for await (const some of rows) yield some.map((row) => csvLine(row.map(plain))).join('');
}

/** One list; a row is a line of it. */
async function* jsonOf(names: readonly string[], rows: LimitedRows): AsyncGenerator<string, void, void> {
  const objectOf = (row: Row) => JSON.stringify(Object.fromEntries(names.map((name, at) => [name, row[at]])));
  let before = '[\n';
  for await (const some of rows) {
    if (some.length === 0) continue;
    yield `${before}${some.map(objectOf).join(',\n')}`;
    before = ',\n';
  }
  yield before === '[\n' ? '[]\n' : '\n]\n';
}

async function writeText(parts: Iterable<string> | AsyncIterable<string>, output: string | undefined): Promise<void> {
  const to = output === undefined ? process.stdout : createWriteStream(output);
  await pipeline(Readable.from(parts), to, { end: output !== undefined });
}

const cellOf = (value: unknown): string => (value === null ? (isTerminal() ? '–' : '') : String(plain(value)));

/** Lists of texts with spaces between them, as in the CSV of the API; other structures as JSON. */
function plain(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value) && value.every((one) => typeof one !== 'object')) return value.join(' ');
  return JSON.stringify(value);
}
