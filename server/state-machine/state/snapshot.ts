/**
 * Converts the state to rows of text and back. Equal states give equal bytes, so the hash of a snapshot is the hash of
 * the state: rows are ordered by table and key. Indexes are not written; they are rebuilt from the records.
 */
import type { Priority } from '../../../protocol/job.ts';
import type { ActionRecord, PolicyCounts } from './actions.ts';
import { withLabels } from './alerts.ts';
import type { ErasureRecord } from './erasures.ts';
import { JOB_FIELDS, type JobFields, type JobValues, jobUnpacker, packJob } from './job-rows.ts';
import type { KeyRecord } from './keys.ts';
import type { AlertGroup, DestinationTrouble, NoticeRecord } from './notices.ts';
import { type PaceRecord, restoredPace } from './pace.ts';
import type { PassRecord } from './passes.ts';
import type { PromiseKind, PromiseRecord } from './promises.ts';
import type {
  AlertRecord,
  ColumnFile,
  CommandRecord,
  JobRecord,
  PackRecord,
  PeriodRecord,
  ShardRecord,
  SilenceRecord,
  WorkerRecord,
} from './records.ts';
import type { Share } from './shares.ts';
import { type Scalars, State } from './state.ts';
import type { Tally } from './tallies.ts';
import { deriveLines, type TenantRecord } from './tenants.ts';
import type { Usage } from './usage.ts';

type Row =
  | ['scalars', Scalars]
  | ['fields', JobFields]
  | ['job', ...JobValues]
  | ['worker', WorkerRecord]
  | ['alert', AlertRecord]
  | ['silence', SilenceRecord]
  | ['key', KeyRecord]
  | ['pass', PassRecord]
  | ['notice', NoticeRecord]
  | ['trouble', DestinationTrouble]
  | ['alert_group', AlertGroup]
  | ['action', ActionRecord]
  | ['policy', string, PolicyCounts]
  | ['command', string, CommandRecord]
  | ['minute' | 'hour' | 'day', number, PeriodRecord]
  /** With the ids of its jobs while the index does not cover it. */
  | ['pack', PackRecord, job_ids?: readonly string[]]
  | ['shard', ShardRecord]
  | ['column_file', ColumnFile]
  | ['column_stray', job_id: string, day: number]
  | ['erasure', ErasureRecord]
  | ['tally', string, Tally]
  | ['pace', group: string, PaceRecord]
  | ['promise', kind: PromiseKind, PromiseRecord]
  | ['share', string, Share]
  | ['tenant', TenantRecord]
  | ['virtual_time', Priority, number]
  | ['usage', string, Usage];

/** Yields each row as a line of JSON without its newline. Lazy, so `state` must be a copy that does not change. */
export function* snapshotRows(state: State): Generator<string> {
  const { tables } = state;
  yield JSON.stringify(['scalars', state.scalars]);
  yield JSON.stringify(['fields', { ...JOB_FIELDS, job: ['row', ...JOB_FIELDS.job] }]);
  for (const job of tables.jobs.values()) yield JSON.stringify(['job', ...packJob(job)]);
  for (const worker of tables.workers.values()) yield JSON.stringify(['worker', worker]);
  for (const alert of tables.alerts.values()) yield JSON.stringify(['alert', alert]);
  for (const silence of tables.silences.values()) yield JSON.stringify(['silence', silence]);
  for (const key of tables.keys.values()) yield JSON.stringify(['key', key]);
  for (const pass of tables.passes.values()) yield JSON.stringify(['pass', pass]);
  for (const notice of tables.notices.values()) yield JSON.stringify(['notice', notice]);
  for (const trouble of tables.troubles.values()) yield JSON.stringify(['trouble', trouble]);
  for (const group of tables.alert_groups.values()) yield JSON.stringify(['alert_group', group]);
  for (const action of tables.actions.values()) yield JSON.stringify(['action', action]);
  for (const [name, counts] of tables.policy_counts.entries()) yield JSON.stringify(['policy', name, counts]);
  for (const [id, command] of tables.commands.entries()) yield JSON.stringify(['command', id, command]);
  for (const [minute, period] of tables.minutes.entries()) yield JSON.stringify(['minute', minute, period]);
  for (const [hour, period] of tables.hours.entries()) yield JSON.stringify(['hour', hour, period]);
  for (const [day, period] of tables.days.entries()) yield JSON.stringify(['day', day, period]);
  for (const pack of tables.packs.values()) {
    const job_ids = tables.unindexed.get(pack.key);
    yield JSON.stringify(job_ids ? ['pack', pack, job_ids] : ['pack', pack]);
  }
  for (const shard of tables.archive_shards.values()) yield JSON.stringify(['shard', shard]);
  for (const file of tables.column_files.values()) yield JSON.stringify(['column_file', file]);
  for (const [job_id, day] of tables.column_strays.entries()) yield JSON.stringify(['column_stray', job_id, day]);
  for (const erasure of tables.erasures.values()) yield JSON.stringify(['erasure', erasure]);
  for (const [name, tally] of tables.tallies.entries()) yield JSON.stringify(['tally', name, tally]);
  for (const [group, pace] of tables.paces.entries()) yield JSON.stringify(['pace', group, pace]);
  for (const [kind, promise] of tables.promises.entries()) yield JSON.stringify(['promise', kind, promise]);
  for (const [name, share] of tables.shares.entries()) yield JSON.stringify(['share', name, share]);
  for (const tenant of tables.tenants.values()) yield JSON.stringify(['tenant', tenant]);
  for (const [priority, time] of tables.virtual_times.entries()) yield JSON.stringify(['virtual_time', priority, time]);
  for (const [name, usage] of tables.usage.entries()) yield JSON.stringify(['usage', name, usage]);
}

/** Throws SyntaxError if a line is not a row. */
export function restore(rows: Iterable<string>): State {
  const jobs: JobRecord[] = [];
  const commands: [id: string, CommandRecord][] = [];
  const others: [row: OtherRow, line: string][] = [];
  let unpack: ReturnType<typeof jobUnpacker> | null = null;
  for (const line of rows) {
    const row = JSON.parse(line) as Row;
    if (row[0] === 'fields') unpack = jobUnpacker(row[1]);
    else if (row[0] === 'command') commands.push([row[1], row[2]]);
    else if (row[0] === 'job') {
      if (!unpack) throw new SyntaxError('a job before the row that names its fields');
      jobs.push(unpack(row));
    } else others.push([row, line]);
  }
  const state = State.of(jobs, commands);
  for (const [row, line] of others) restoreRow(state, row, line);
  deriveLines(state);
  return state;
}

/** Rows of older versions lack these fields. */
const PASS_BEFORE_PEOPLE = { person: null, session_id: null, issued_ms: null };

/** A snapshot of an older version has none, or those that it once read and did not continue. */
const gaugesOf = ({ gauges, at_ms }: Scalars): Scalars['gauges'] => (gauges?.through_ms === at_ms ? gauges : null);

type OtherRow = Exclude<Row, ['fields' | 'job' | 'command', ...unknown[]]>;

function restoreRow(state: State, row: OtherRow, line: string): void {
  switch (row[0]) {
    case 'scalars':
      Object.assign(state.scalars, row[1]);
      // A snapshot from before there were packs: all that is archived is an object each.
      state.scalars.loose_jobs = row[1].loose_jobs ?? row[1].archived_jobs;
      state.scalars.gauges = gaugesOf(row[1]);
      return;
    case 'worker':
      return state.putWorker(row[1]);
    case 'alert':
      // Rows of older versions lack labels and what came with them.
      return state.putAlert(withLabels(row[1]));
    case 'action':
      return state.putAction(row[1]);
    case 'policy':
      state.tables.policy_counts.set(row[1], row[2]);
      return;
    case 'silence':
      state.tables.silences.set(row[1].id, row[1]);
      return;
    case 'key':
      state.tables.keys.set(row[1].id, row[1]);
      return;
    case 'pass':
      // First the row: its fields keep their order, and the next snapshot its bytes.
      return state.putPass({ ...row[1], ...PASS_BEFORE_PEOPLE, ...row[1] });
    case 'notice':
      return state.putNotice(row[1]);
    case 'trouble':
      return state.putTrouble(row[1]);
    case 'alert_group':
      state.tables.alert_groups.set(row[1].key, row[1]);
      return;
    case 'pack': {
      // Rows of older versions lack this field.
      const pack = { ...row[1], in_columns: row[1].in_columns ?? false };
      if (row[2]) state.putPack(pack, row[2]);
      else state.tables.packs.set(pack.key, pack);
      return;
    }
    case 'shard':
      state.tables.archive_shards.set(row[1].first, row[1]);
      return;
    case 'column_file':
      state.tables.column_files.set(row[1].name, row[1]);
      return;
    case 'column_stray':
      state.tables.column_strays.set(row[1], row[2]);
      return;
    case 'erasure':
      state.tables.erasures.set(row[1].job_id, row[1]);
      return;
    case 'share':
      state.tables.shares.set(row[1], row[2]);
      return;
    case 'tenant':
      state.tables.tenants.set(row[1].id, row[1]);
      return;
    case 'virtual_time':
      state.tables.virtual_times.set(row[1], row[2]);
      return;
    case 'usage':
      state.tables.usage.set(row[1], row[2]);
      return;
    case 'tally':
      state.tables.tallies.set(row[1], row[2]);
      return;
    case 'pace':
      state.tables.paces.set(row[1], restoredPace(row[2]));
      return;
    case 'promise':
      state.tables.promises.set(row[1], row[2]);
      return;
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
