/** Writes the column files that a plan asks for into a local folder, for the monitor to put them into the store. */
import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { MonitorError } from '../../../protocol/errors.ts';
import { newUlid } from '../../ids.ts';
import { dayOf } from '../../state-machine/apply/archive.ts';
import type { ColumnFile, JobRecord } from '../../state-machine/state/records.ts';
import { type AnalyticsReader, rowsOf } from '../reader.ts';
import type { TableName } from '../tables.ts';
import { healingFor, isColumnDamage } from './healing.ts';
import { type ColumnsPlan, planColumns } from './plan.ts';

export type MadeFile = { file: ColumnFile; paths: Record<TableName, string> };

/** As the command `write_columns` has them. */
export type MadeColumns = {
  basis_seq: number;
  packs: string[];
  replaces: string[];
  strays: string[];
  made: MadeFile[];
};

/** null: nothing is due. */
export async function makeColumns(reader: AnalyticsReader, now_ms: number): Promise<MadeColumns | null> {
  try {
    await reader.refresh();
  } catch (error) {
    if (isColumnDamage(error)) return heal(reader, error);
    throw error;
  }
  const basis_seq = reader.state.scalars.archive_seq;
  const plan = planColumns(reader.state, now_ms);
  if (!plan) return null;
  const made = await makeFiles(reader, plan);
  return {
    basis_seq,
    packs: plan.packs.map(({ key }) => key),
    replaces: plan.rewrite.map(({ name }) => name),
    strays: [...plan.strays],
    made,
  };
}

async function heal(reader: AnalyticsReader, damage: MonitorError): Promise<MadeColumns | null> {
  const basis_seq = reader.state.scalars.archive_seq;
  const healing = await healingFor(reader, damage);
  if (!healing) return null;
  const { day, records, replaces, strays } = healing;
  const made = await makeFile(reader, { day, records, files: [], strays: [] });
  return { basis_seq, packs: [], replaces: replaces.map(({ name }) => name), strays, made: made ? [made] : [] };
}

async function makeFiles(reader: AnalyticsReader, { packs, rewrite, strays }: ColumnsPlan): Promise<MadeFile[]> {
  const records: JobRecord[] = [];
  for (const pack of packs) records.push(...(await reader.recordsOf(pack)));
  const byDay = Map.groupBy(records, dayOf);
  const files = Map.groupBy(rewrite, ({ day }) => day);
  const made: MadeFile[] = [];
  for (const day of new Set([...byDay.keys(), ...files.keys()])) {
    const one = await makeFile(reader, { day, records: byDay.get(day) ?? [], files: files.get(day) ?? [], strays });
    if (one) made.push(one);
  }
  return made;
}

/** undefined: none of its rows is left. */
async function makeFile(
  reader: AnalyticsReader,
  part: { day: number; records: JobRecord[]; files: ColumnFile[]; strays: readonly string[] },
): Promise<MadeFile | undefined> {
  const { day, records, strays } = part;
  const name = newUlid();
  const paths = {
    job_states: join(reader.folder, `${name}-states.parquet`),
    job_attempts: join(reader.folder, `${name}-attempts.parquet`),
  };
  const files = await reader.cache.paths(part.files);
  const rows = await reader.database.write(paths, { files, rows: rowsOf(records), strays });
  if (rows === 0) {
    for (const path of Object.values(paths)) await rm(path);
    return undefined;
  }
  const sha256 = { job_states: await hashAt(paths.job_states), job_attempts: await hashAt(paths.job_attempts) };
  return { file: { name, day, rows, sha256 }, paths };
}

const hashAt = async (path: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
