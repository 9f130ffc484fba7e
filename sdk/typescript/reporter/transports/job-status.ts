/** What the transports to a database's `job_status` table share. */
import { JOB_STATUS_ID_LENGTH_MAX } from '../../../../protocol/job-status-table.ts';
import { nameOfUrl } from '../../../../protocol/system-urls.ts';
import { lastOfEachJob, type Refusal, type Report, TransportError } from '../report.ts';

/** The row that each job gets, and what the table has no room for. */
export function rowsOf(batch: readonly Report[]): { rows: Report[]; refusals: Refusal[] } {
  const rows: Report[] = [];
  const refusals: Refusal[] = [];
  for (const report of lastOfEachJob(batch)) {
    const { job_id, worker_id } = report.event;
    const long = [job_id, worker_id].find((id) => id.length > JOB_STATUS_ID_LENGTH_MAX);
    if (long === undefined) rows.push(report);
    else refusals.push({ report, why: `job_status has no room for ${long}: ids have at most 50 characters there` });
  }
  return { rows, refusals };
}

/** `missing`: the database's word for a table that is not there. */
export function databaseFailure(error: unknown, { url, missing }: { url: string; missing: boolean }): TransportError {
  const { message, code } = error as NodeJS.ErrnoException;
  if (missing) {
    const hint = `tmon db init '${nameOfUrl(url)}'`;
    return new TransportError('there is no table job_status', { hint, cause: error });
  }
  // Of a host with several addresses the error has no words of its own.
  return new TransportError(message || code || String(error), { cause: error });
}

/** All at once, then, where the database will not have one of them, one by one. */
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
