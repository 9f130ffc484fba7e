/** Jobs by any condition of the filter language; a mistake is shown at its place. */
import { Button, TextInput } from '@mantine/core';
import { useState } from 'react';
import { Link, useLocation, useSearchParams } from 'wouter';
import type { JobRow } from '../../../../protocol/analytics.ts';
import { RefusedError, type TranscriptionAPI } from '../../../../sdk/typescript/index.ts';
import { useLive } from '../../live/use-live.ts';
import { showDone, showError } from '../../parts/act.tsx';
import { csvText } from '../../parts/csv.ts';
import { Empty } from '../../parts/empty.tsx';
import { count, duration, NONE, usd } from '../../parts/format.ts';
import { stateTone, stateWord } from '../../parts/job-words.ts';
import { Panel } from '../../parts/panel.tsx';
import { Pill } from '../../parts/pill.tsx';
import { saveFile } from '../../parts/save-file.ts';
import { type Column, Table } from '../../parts/table.tsx';
import { At } from '../../parts/time.tsx';
import { Failed } from './failed.tsx';
import styles from './insights.module.css';
import { type Range, timesOf } from './ranges.ts';
import { useReport } from './use-report.ts';

const SHOWN_MAX = 200;
const CSV_MAX = 20_000;
const EXAMPLES = [
  'processing_time > avg_processing_time * 2',
  "state = 'FAILED' and attempt > 1",
  "queue_time > 10min and priority = 'high'",
  "'court' in tags",
];

const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
const number = (value: unknown): number | null => (typeof value === 'number' ? value : null);

const COLUMNS: readonly Column<JobRow>[] = [
  {
    name: 'File',
    narrow: true,
    cell: (row) => (
      <Link href={`/jobs/${encodeURIComponent(row.job_id)}`} onClick={(event) => event.stopPropagation()}>
        <bdi>{text(row.audio_url)?.split('/').at(-1) || row.job_id}</bdi>
      </Link>
    ),
  },
  {
    name: 'State',
    width: '124px',
    narrow: true,
    cell: ({ state }) => <Pill tone={stateTone(state as never)}>{stateWord(state as never)}</Pill>,
  },
  { name: 'Worker', width: '150px', muted: true, cell: (row) => text(row.worker_id) ?? NONE },
  { name: 'Audio', width: '92px', right: true, cell: (row) => duration(number(row.duration_seconds)) },
  { name: 'Queue', width: '92px', right: true, wide: true, cell: (row) => duration(number(row.queue_time_seconds)) },
  { name: 'Processing', width: '98px', right: true, cell: (row) => duration(number(row.processing_time_seconds)) },
  { name: 'Cost', width: '92px', right: true, wide: true, cell: (row) => usd(number(row.cost_usd)) },
  {
    name: 'Ended',
    width: '120px',
    muted: true,
    cell: ({ completed_at }) => (text(completed_at) ? <At at={text(completed_at)!} /> : NONE),
  },
];

export function FilteredJobs({ range }: { range: Range }) {
  const { api } = useLive();
  const [, navigate] = useLocation();
  const [params, setParams] = useSearchParams();
  const filter = params.get('filter') ?? '';
  const [typed, setTyped] = useState(filter);
  const loaded = useReport(`jobs ${range} ${filter}`, (client, signal) =>
    read(client, { range, filter, most: SHOWN_MAX }, signal),
  );
  const search = (wanted: string) => {
    setTyped(wanted);
    setParams((before) => {
      const next = new URLSearchParams(before);
      if (wanted.trim() === '') next.delete('filter');
      else next.set('filter', wanted.trim());
      return next;
    });
  };
  const save = () =>
    read(api, { range, filter, most: CSV_MAX }).then(({ rows }) => {
      const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
      const columns = names.map((name) => ({ name, value: (row: JobRow) => flat(row[name]) }));
      saveFile('jobs.csv', csvText(columns, rows), 'text/csv');
      showDone({ text: `${count(rows.length)} jobs in jobs.csv.` });
    }, showError);
  return (
    <Panel title="Jobs by condition" aside={<Button onClick={save}>CSV</Button>}>
      <form
        className={styles.filter}
        onSubmit={(event) => {
          event.preventDefault();
          search(typed);
        }}
      >
        <TextInput
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
          placeholder="processing_time > avg_processing_time * 2"
          aria-label="Condition"
          spellCheck={false}
        />
        <Button type="submit" variant="filled" size="xs">
          Search
        </Button>
      </form>
      <div className={styles.examples}>
        {EXAMPLES.map((example) => (
          <Button key={example} size="compact-xs" ff="monospace" fw={400} onClick={() => search(example)}>
            {example}
          </Button>
        ))}
      </div>
      {loaded.state === 'loading' && <div aria-busy="true" />}
      {loaded.state === 'failed' &&
        (loaded.error instanceof RefusedError && loaded.error.status === 400 ? (
          <Problem error={loaded.error} />
        ) : (
          <Failed error={loaded.error} />
        ))}
      {loaded.state === 'loaded' &&
        (loaded.value.rows.length === 0 ? (
          <Empty title="No job that ended in this time fits" />
        ) : (
          <>
            <Table
              label="Jobs by condition"
              columns={COLUMNS}
              rows={loaded.value.rows}
              keyOf={({ job_id }) => job_id}
              onOpen={({ job_id }) => navigate(`/jobs/${encodeURIComponent(job_id)}`)}
            />
            {loaded.value.more && <Empty title={`These are the last ${count(SHOWN_MAX)}; the CSV file has more`} />}
          </>
        ))}
    </Panel>
  );
}

async function read(
  api: TranscriptionAPI,
  { range, filter, most }: { range: Range; filter: string; most: number },
  signal?: AbortSignal,
): Promise<{ rows: JobRow[]; more: boolean }> {
  const query = { ...timesOf(range, Date.now()), ...(filter === '' ? {} : { filter }), limit: Math.min(1000, most) };
  const rows: JobRow[] = [];
  for await (const row of api.analytics.jobs(query, signal ? { signal } : {})) {
    if (rows.length === most) return { rows, more: true };
    rows.push(row);
  }
  return { rows, more: false };
}

const flat = (value: unknown) =>
  value === null || ['string', 'number', 'boolean'].includes(typeof value)
    ? (value as string | number | boolean | null)
    : JSON.stringify(value);

/** What is wrong; the hint has the condition with a mark under the place. */
function Problem({ error }: { error: RefusedError }) {
  return (
    <div className={styles.problem} role="alert">
      <p>{error.message}</p>
      {error.hint && <pre>{error.hint}</pre>}
    </div>
  );
}
