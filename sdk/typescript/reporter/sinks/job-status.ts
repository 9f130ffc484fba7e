/** Shared by the sinks that write a database's `job_status` table. */
import type { Dialect } from '../../../../protocol/job-status-rows.ts';
import { JOB_STATUS_ID_LENGTH_MAX, JOB_STATUS_SQL, lateUpsert } from '../../../../protocol/job-status-table.ts';
import { shortId } from '../../../../protocol/reported-id.ts';
import { nameOfUrl } from '../../../../protocol/system-urls.ts';
import { lastOfEachJob, type Refusal, type Report, SinkError } from '../report.ts';

/** The row of each job, and the reports that do not fit into the table. A name that is too long has an id that fits. */
export function rowsOf(batch: readonly Report[]): { rows: Report[]; refusals: Refusal[] } {
  const rows: Report[] = [];
  const refusals: Refusal[] = [];
  for (const report of lastOfEachJob(batch)) {
    const { job_id, worker_id } = report.sighting;
    if ((worker_id ?? '').length > JOB_STATUS_ID_LENGTH_MAX) {
      refusals.push({ report, why: `${worker_id} is too long for job_status: a worker id has at most 50 characters` });
    } else if ([...job_id].length <= JOB_STATUS_ID_LENGTH_MAX) rows.push(report);
    else rows.push({ ...report, sighting: { ...report.sighting, job_id: shortId(job_id, JOB_STATUS_ID_LENGTH_MAX) } });
  }
  return { rows, refusals };
}

/** The statement that writes the row. */
export const upsertOf = (dialect: Dialect, { late }: Report): string =>
  late ? lateUpsert(dialect) : JOB_STATUS_SQL[dialect].upsert;

/** `missing`: the database's error code for a missing table. */
export function databaseFailure(error: unknown, { url, missing }: { url: string; missing: boolean }): SinkError {
  const { message, code } = error as NodeJS.ErrnoException;
  if (missing) {
    const hint = `tmon db init '${nameOfUrl(url)}'`;
    return new SinkError('table job_status does not exist', { hint, cause: error });
  }
  // For a host with several addresses the error itself has no message.
  return new SinkError(message || code || String(error), { cause: error });
}

/** Writes all rows at once; if the database refuses one, writes them one by one. */
export async function writeRows(
  rows: readonly Report[],
  write: (rows: readonly Report[]) => Promise<void>,
  isRefusal: (error: unknown) => boolean,
): Promise<Refusal[]> {
  try {
    await write(rows);
    return [];
  } catch (error) {
    if (!isRefusal(error)) throw error;
    if (rows.length === 1) return [{ report: rows[0]!, why: (error as Error).message }];
  }
  const refusals: Refusal[] = [];
  for (const row of rows) refusals.push(...(await writeRows([row], write, isRefusal)));
  return refusals;
}
