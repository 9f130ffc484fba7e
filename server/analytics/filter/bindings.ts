/** Parameters of a compiled filter for `@duckdb/node-api`. */
import { DOUBLE, type DuckDBType, VARCHAR } from '@duckdb/node-api';
import type { SqlParameter } from './compile.ts';

/** With explicit types: by itself the driver binds 1e300 as a BIGINT, and refuses it. */
export function bindings(parameters: readonly SqlParameter[]): { values: (number | string)[]; types: DuckDBType[] } {
  return {
    values: parameters.map(({ value }) => value),
    types: parameters.map(({ type }) => (type === 'DOUBLE' ? DOUBLE : VARCHAR)),
  };
}
