/** The list of jobs: tabs by state, filters as chips, rows that the feed keeps current, and changes for many at once. */
import { useCallback, useEffect, useMemo, useState } from 'react';
import { useSearchParams } from 'wouter';
import { useLive, useValue } from '../../live/use-live.ts';
import { Page } from '../../parts/page.tsx';
import type { BulkAction } from './bulk.ts';
import { BulkBar } from './bulk-bar.tsx';
import { BulkDialog, type Scope } from './bulk-dialog.tsx';
import { COLUMNS, DEFAULT_COLUMNS } from './columns.tsx';
import { filtersOf, queryOf } from './filters.ts';
import { JobList } from './job-list.ts';
import { JobTable } from './job-table.tsx';
import { StateTabs } from './state-tabs.tsx';
import { Toolbar } from './toolbar.tsx';
import { chooseColumns, chosenColumns } from './views.ts';

const KEYS = COLUMNS.map(({ key }) => key);

export function Jobs() {
  const [params] = useSearchParams();
  const filters = useMemo(() => filtersOf(params), [params]);
  const key = JSON.stringify(filters);
  const [again, setAgain] = useState(0);
  const list = useJobList(key, again);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [dialog, setDialog] = useState<{ action: BulkAction; scope: Scope } | null>(null);
  const [keys, setKeys] = useState(() => chosenColumns(localStorage, KEYS, DEFAULT_COLUMNS));
  const columns = useMemo(() => COLUMNS.filter((column) => keys.includes(column.key)), [keys]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a selection belongs to a query.
  useEffect(() => setSelected(new Set()), [key]);
  const toggle = useCallback((id: string) => setSelected((before) => toggled(before, id)), []);
  return (
    <Page title="Jobs">
      <StateTabs filters={filters} />
      <Toolbar
        filters={filters}
        columns={columns}
        chosen={keys}
        onChoose={(next) => {
          chooseColumns(localStorage, next);
          setKeys(KEYS.filter((column) => next.includes(column)));
        }}
        onBulk={(action) => setDialog({ action, scope: { query: queryOf(filters, Date.now()) } })}
      />
      {list && (
        <JobTable
          list={list}
          columns={columns}
          filtered={Object.keys(filters).length > 0}
          selected={selected}
          onToggle={toggle}
          onSelect={setSelected}
          onReload={() => setAgain(again + 1)}
        />
      )}
      {selected.size > 0 && (
        <BulkBar
          count={selected.size}
          onClear={() => setSelected(new Set())}
          onBulk={(action) => setDialog({ action, scope: { job_ids: [...selected] } })}
        />
      )}
      {dialog && (
        <BulkDialog
          action={dialog.action}
          scope={dialog.scope}
          onClose={() => setDialog(null)}
          onDone={() => {
            setDialog(null);
            setSelected(new Set());
          }}
        />
      )}
    </Page>
  );
}

function useJobList(key: string, again: number): JobList | null {
  const live = useLive();
  const epoch = useValue(live.epoch);
  const [list, setList] = useState<JobList | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: after missed events, and on request, it loads again.
  useEffect(() => {
    const next = new JobList(live, queryOf(JSON.parse(key), Date.now()));
    next.start();
    setList(next);
    return () => next.stop();
  }, [live, key, again, epoch]);
  return list;
}

function toggled(before: ReadonlySet<string>, id: string): ReadonlySet<string> {
  const next = new Set(before);
  if (!next.delete(id)) next.add(id);
  return next;
}
