/**
 * The state as rows of text, and back. Equal states give equal bytes, so the hash of a snapshot is the hash of the state:
 * rows go by table and key, and only facts are written; indexes are made again by the same functions that keep them.
 */
import type { AlertRecord, CommandRecord, JobRecord, PeriodRecord, WorkerRecord } from './records.ts';
import { type Scalars, State } from './state.ts';

type Row =
  | ['scalars', Scalars]
  | ['job', JobRecord]
  | ['worker', WorkerRecord]
  | ['alert', AlertRecord]
  | ['command', string, CommandRecord]
  | ['minute' | 'hour' | 'day', number, PeriodRecord];

/** Each row a line of JSON without its newline. Lazy: a caller may stop between rows, the state being a copy of its own. */
export function* snapshotRows(state: State): Generator<string> {
  const { tables } = state;
  yield JSON.stringify(['scalars', state.scalars]);
  for (const job of tables.jobs.values()) yield JSON.stringify(['job', job]);
  for (const worker of tables.workers.values()) yield JSON.stringify(['worker', worker]);
  for (const alert of tables.alerts.values()) yield JSON.stringify(['alert', alert]);
  for (const [id, command] of tables.commands.entries()) yield JSON.stringify(['command', id, command]);
  for (const [minute, period] of tables.minutes.entries()) yield JSON.stringify(['minute', minute, period]);
  for (const [hour, period] of tables.hours.entries()) yield JSON.stringify(['hour', hour, period]);
  for (const [day, period] of tables.days.entries()) yield JSON.stringify(['day', day, period]);
}

/** Adds one row to a state that is being restored. Throws SyntaxError on what is no row. */
export function restoreRow(state: State, line: string): void {
  const row = JSON.parse(line) as Row;
  switch (row[0]) {
    case 'scalars':
      Object.assign(state.scalars, row[1]);
      return;
    case 'job':
      return state.putJob(row[1]);
    case 'worker':
      return state.putWorker(row[1]);
    case 'alert':
      return state.putAlert(row[1]);
    case 'command':
      return state.putCommand(row[1], row[2]);
    case 'minute':
      state.tables.minutes.set(row[1], row[2]);
      return;
    case 'hour':
      state.tables.hours.set(row[1], row[2]);
      return;
    case 'day':
      state.tables.days.set(row[1], row[2]);
      return;
    default:
      throw new SyntaxError(`not a snapshot row: ${line.slice(0, 80)}`);
  }
}

export function restore(rows: Iterable<string>): State {
  const state = new State();
  for (const row of rows) restoreRow(state, row);
  return state;
}
