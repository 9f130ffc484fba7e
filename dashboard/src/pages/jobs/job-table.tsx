/** The rows on view of a list that may have a hundred thousand. */
import { Button, Checkbox } from '@mantine/core';
import { useVirtualizer } from '@tanstack/react-virtual';
import { memo, useEffect, useRef } from 'react';
import { Link, useLocation } from 'wouter';
import { usePageKeys } from '../../app/use-keys.ts';
import { useJob, useValue } from '../../live/use-live.ts';
import { May, useMay } from '../../live/use-may.tsx';
import { CommandLine } from '../../parts/command-line.tsx';
import { Empty } from '../../parts/empty.tsx';
import { count } from '../../parts/format.ts';
import { nameOf } from '../../parts/job-words.ts';
import type { Column } from './columns.tsx';
import type { JobList } from './job-list.ts';
import styles from './job-table.module.css';
import { useCurrentRow } from './use-current-row.ts';

const ROW_PX = 36;
const OVERSCAN = 12;
/** Rows before the end at which the next page is loaded. */
const AHEAD = 80;

type Props = {
  list: JobList;
  columns: readonly Column[];
  filtered: boolean;
  selected: ReadonlySet<string>;
  onToggle: (id: string) => void;
  onSelect: (ids: ReadonlySet<string>) => void;
  onReload: () => void;
};

export function JobTable({ list, columns, filtered, selected, onToggle, onSelect, onReload }: Props) {
  const { ids, opening, loading, complete, waiting, error } = useValue(list.state);
  const scroller = useRef<HTMLDivElement>(null);
  const [current, setCurrent] = useCurrentRow();
  const selectable = useMay('submit');
  const [, navigate] = useLocation();
  const virtual = useVirtualizer({
    count: ids.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: OVERSCAN,
    getItemKey: (index) => ids[index]!,
  });
  const rows = virtual.getVirtualItems();
  const [first, last] = [rows[0]?.index, rows.at(-1)?.index];
  useEffect(() => {
    if (first === undefined || last === undefined || ids.length === 0) return;
    list.see(ids[first]!, ids[Math.min(last, ids.length - 1)]!);
    if (last > ids.length - AHEAD) list.more();
  }, [list, ids, first, last]);
  const linked = useRef(current);
  useEffect(() => {
    const at = linked.current === null ? -1 : ids.indexOf(linked.current);
    if (at < 0) return;
    linked.current = null;
    virtual.scrollToIndex(at, { align: 'center' });
  }, [ids, virtual]);
  usePageKeys((key) => {
    const index = current === null ? -1 : ids.indexOf(current);
    const to = { next: index + 1, previous: index - 1 }[key];
    if (to !== undefined) {
      const id = ids[Math.max(0, Math.min(ids.length - 1, to))];
      if (id === undefined) return false;
      setCurrent(id);
      virtual.scrollToIndex(ids.indexOf(id));
      return true;
    }
    if (current === null || (key !== 'open' && key !== 'select')) return false;
    if (key === 'select' && !selectable) return false;
    if (key === 'select') onToggle(current);
    else navigate(`/jobs/${encodeURIComponent(current)}`);
    return true;
  });
  if (error && ids.length === 0) {
    return (
      <Empty title="The list could not be read">
        <p>{error.message}</p>
        <Button onClick={onReload}>Try again</Button>
      </Empty>
    );
  }
  if (!opening && ids.length === 0 && complete) return <NoJobs filtered={filtered} />;
  const all = ids.length > 0 && selected.size >= ids.length;
  const template = `30px minmax(160px, 1fr) ${columns.map(({ width }) => width).join(' ')}`;
  const narrow = `30px minmax(0, 1fr) ${columns
    .filter((column) => column.narrow)
    .map(({ width }) => width)
    .join(' ')}`;
  return (
    <div className={styles.table}>
      <div
        role="table"
        aria-label="Jobs"
        aria-busy={opening}
        aria-rowcount={complete ? ids.length + 1 : -1}
        style={{ '--columns': template, '--columns-narrow': narrow } as React.CSSProperties}
      >
        <div
          className={styles.scroller}
          ref={scroller}
          onMouseEnter={() => list.hold(true)}
          onMouseLeave={() => list.hold(false)}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls.
          tabIndex={0}
          role="rowgroup"
          aria-label="Rows"
        >
          <div className={styles.head} role="row">
            <span role="columnheader">
              {selectable ? (
                <Checkbox
                  checked={all}
                  indeterminate={!all && selected.size > 0}
                  onChange={() => onSelect(all ? new Set() : new Set(ids))}
                  aria-label="Select all loaded jobs"
                />
              ) : (
                <span className="visually-hidden">No selection</span>
              )}
            </span>
            <span role="columnheader">File</span>
            {columns.map(({ key, name, right, narrow: kept }) => (
              <span key={key} role="columnheader" data-right={right || undefined} data-narrow={kept || undefined}>
                {name}
              </span>
            ))}
          </div>
          <div style={{ height: virtual.getTotalSize(), position: 'relative' }}>
            {rows.map(({ index, start }) => {
              const id = ids[index]!;
              return (
                <Row
                  key={id}
                  job_id={id}
                  index={index}
                  start={start}
                  columns={columns}
                  current={id === current}
                  selected={selected.has(id)}
                  selectable={selectable}
                  onToggle={onToggle}
                />
              );
            })}
          </div>
        </div>
      </div>
      <div className={styles.foot}>
        <span role="status">
          {opening
            ? 'Loading …'
            : `${count(ids.length)}${complete ? '' : ' loaded'} ${ids.length === 1 ? 'job' : 'jobs'}`}
          {loading && !opening && ', loading more …'}
          {!complete && !loading && ', more as you scroll'}
        </span>
        {waiting > 0 && (
          <Button size="compact-xs" onClick={() => list.show()}>
            Show {count(waiting)} new
          </Button>
        )}
        {error && (
          <Button size="compact-xs" onClick={() => list.more()} title={error.message}>
            Loading failed. Try again
          </Button>
        )}
      </div>
    </div>
  );
}

type RowProps = {
  job_id: string;
  index: number;
  start: number;
  columns: readonly Column[];
  current: boolean;
  selected: boolean;
  selectable: boolean;
  onToggle: (id: string) => void;
};

const Row = memo(function Row(props: RowProps) {
  const { job_id, index, start, columns, current, selected, selectable, onToggle } = props;
  const job = useJob(job_id);
  const [, navigate] = useLocation();
  const href = `/jobs/${encodeURIComponent(job_id)}`;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the link in the row does the same for the keyboard.
    <div
      className={styles.row}
      role="row"
      aria-rowindex={index + 2}
      data-current={current || undefined}
      data-selected={selected || undefined}
      style={{ transform: `translateY(${start}px)` }}
      onClick={() => navigate(href)}
    >
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: it only keeps the click from the row. */}
      <span role="cell" onClick={(event) => event.stopPropagation()}>
        {selectable && (
          <Checkbox
            checked={selected}
            onChange={() => onToggle(job_id)}
            aria-label={`Select ${job ? nameOf(job) : job_id}`}
          />
        )}
      </span>
      <span role="cell" className={styles.file}>
        <Link href={href} title={job?.input.s3_path} onClick={(event) => event.stopPropagation()}>
          <bdi>{job ? nameOf(job) : job_id}</bdi>
        </Link>
      </span>
      {columns.map(({ key, show, right, narrow }) => (
        <span key={key} role="cell" data-right={right || undefined} data-narrow={narrow || undefined}>
          {job && show(job)}
        </span>
      ))}
    </div>
  );
});

function NoJobs({ filtered }: { filtered: boolean }) {
  if (filtered) {
    return (
      <Empty title="No job matches">
        <p>Filters that exclude each other match nothing. A job that begins to match appears here by itself.</p>
        <Button component={Link} href="/jobs">
          Remove all filters
        </Button>
      </Empty>
    );
  }
  return (
    <Empty title="No job yet">
      <May do="submit">
        <p>Submit a recording here, or from a shell:</p>
        <CommandLine command={`tmon submit recording.wav --server ${window.location.origin}`} />
        <Button component={Link} href="/submit" variant="filled">
          Submit audio
        </Button>
      </May>
    </Empty>
  );
}
