/** What runs now: those that are not on track first. Rows keep their place while the pointer is over the list. */
import { useState } from 'react';
import { Link, useLocation } from 'wouter';
import type { ActiveJob, Live } from '../../live/live.ts';
import { sameList, useJob, useLive, useSelection } from '../../live/use-live.ts';
import { briefDuration, NONE, percent } from '../../parts/format.ts';
import { nameOf, stageWord } from '../../parts/job-words.ts';
import { Panel } from '../../parts/panel.tsx';
import { VerdictPill } from '../../parts/pill.tsx';
import { ProgressBar } from '../../parts/progress-bar.tsx';
import styles from './running.module.css';
import { type Shown, withKept } from './running-rows.ts';

const SHOWN_MAX = 12;

export function Running() {
  const live = useLive();
  const { ids, total } = useSelection(live.active, running, sameShown);
  const [kept, setKept] = useState<readonly string[] | null>(null);
  const rows = kept ? withKept(ids, kept, SHOWN_MAX) : ids;
  if (total === 0) {
    return (
      <Panel title="Running">
        <p className={styles.none}>No job is running.</p>
      </Panel>
    );
  }
  return (
    <Panel
      title="Running"
      aside={
        <>
          <span className={styles.hint}>mark on the bar: where this job should be by its model and machine · </span>
          <Link href="/jobs?state=PROCESSING">all {total}</Link>
        </>
      }
    >
      <table className={styles.table} onMouseEnter={() => setKept(ids)} onMouseLeave={() => setKept(null)}>
        <thead>
          <tr>
            <th className={styles.file}>File</th>
            <th className={styles.worker}>Worker</th>
            <th className={styles.stage}>Stage</th>
            <th className={styles.bar}>Progress</th>
            <th className={styles.done}>Done</th>
            <th className={styles.left}>Left</th>
            <th className={styles.verdict}>Verdict</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((id) => (
            <Row key={id} job_id={id} />
          ))}
        </tbody>
      </table>
    </Panel>
  );
}

function Row({ job_id }: { job_id: string }) {
  const job = useJob(job_id);
  const [, navigate] = useLocation();
  const href = `/jobs/${encodeURIComponent(job_id)}`;
  if (!job) {
    return (
      <tr>
        <td colSpan={7} className={styles.loading} />
      </tr>
    );
  }
  const { stage, current_chunk, total_chunks, percentage, eta_seconds } = job.progress;
  const chunks = total_chunks === null ? '' : `${current_chunk ?? 0}/${total_chunks}`;
  const stands = job.verdict?.status === 'hung' || job.verdict?.status === 'dead';
  return (
    // The link in its first cell does the same for the keyboard.
    <tr onClick={() => navigate(href)}>
      <td className={styles.file}>
        <Link href={href} title={job.input.s3_path} onClick={(event) => event.stopPropagation()}>
          <bdi>{nameOf(job)}</bdi>
        </Link>
      </td>
      <td className={`${styles.worker} mono`}>{job.worker?.worker_id ?? NONE}</td>
      <td className={styles.stage}>
        {stageWord(stage) || 'Starting'} <span>{chunks}</span>
      </td>
      <td className={styles.bar}>
        <ProgressBar job={job} />
      </td>
      <td className={styles.done}>{percent(percentage)}</td>
      <td className={styles.left}>{stands ? NONE : briefDuration(eta_seconds)}</td>
      <td className={styles.verdict}>
        <VerdictPill job={job} />
      </td>
    </tr>
  );
}

const URGENCY: Readonly<Record<ActiveJob['verdict'], number>> = {
  dead: 0,
  hung: 0,
  slow: 1,
  blocked: 2,
  starved: 2,
  on_track: 3,
};

function running(active: Live['active']): Shown {
  const jobs = [...active.entries()].filter(([, { state }]) => state === 'PROCESSING' || state === 'CANCELLING');
  const ids = jobs
    .toSorted(([, a], [, b]) => URGENCY[a.verdict] - URGENCY[b.verdict])
    .slice(0, SHOWN_MAX)
    .map(([id]) => id);
  return { ids, total: jobs.length };
}

const sameShown = (a: Shown, b: Shown): boolean => a.total === b.total && sameList(a.ids, b.ids);
