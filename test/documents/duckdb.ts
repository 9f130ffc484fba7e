/** `duckdb -init FILE`, of the real DuckDB: runs the statements of the file, and those of standard input. */
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { DuckDBInstance } from '@duckdb/node-api';

const [option, file = ''] = process.argv.slice(2);
if (option !== '-init') throw new Error(`${option} is not known here`);
const connection = await (await DuckDBInstance.create(':memory:')).connect();
for (const statements of [readFileSync(file, 'utf8'), await text(process.stdin)]) {
  if (statements.trim() !== '') await connection.run(statements);
}
