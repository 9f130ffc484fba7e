/** All jobs that match, as a CSV file. */
import { useState } from 'react';
import type { Job } from '../../../../protocol/job.ts';
import { useLive } from '../../live/use-live.ts';
import { showDone, showError } from '../../parts/act.tsx';
import { count } from '../../parts/format.ts';
import { saveFile } from '../../parts/save-file.ts';
import { type CsvColumn, csvOf } from './csv.ts';
import { type Filters, queryOf } from './filters.ts';

const ROWS_MAX = 100_000;
const PAGE = 1_000;

export function useCsv(filters: Filters, columns: readonly CsvColumn[]): { busy: boolean; download: () => void } {
  const { api } = useLive();
  const [busy, setBusy] = useState(false);
  const read = async () => {
    const jobs: Job[] = [];
    let more = false;
    for await (const job of api.jobs.list({ ...queryOf(filters, Date.now()), limit: PAGE })) {
      more = jobs.length === ROWS_MAX;
      if (more) break;
      jobs.push(job);
    }
    saveFile('jobs.csv', csvOf(jobs, columns), 'text/csv');
    showDone({ text: `${count(jobs.length)} jobs in jobs.csv${more ? '; there are more' : ''}.` });
  };
  const download = () => {
    setBusy(true);
    read()
      .catch(showError)
      .finally(() => setBusy(false));
  };
  return { busy, download };
}
