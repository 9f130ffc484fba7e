/** Exactly these jobs, by name, state and id, in a list of any length. */
import { useVirtualizer } from '@tanstack/react-virtual';
import { useState } from 'react';
import type { Job } from '../../../protocol/job.ts';
import { useJob } from '../live/use-live.ts';
import styles from './exact-list.module.css';
import { nameOf, stateWord } from './job-words.ts';

const ROW_PX = 28;

type Props = {
  job_ids: readonly string[];
  /** Those that were fetched already; others are as they are seen. */
  documents?: ReadonlyMap<string, Job>;
};

export function ExactList({ job_ids, documents }: Props) {
  // A dialog opens with its content, so the element is known only after the first draw.
  const [scroller, setScroller] = useState<HTMLElement | null>(null);
  const virtual = useVirtualizer({
    count: job_ids.length,
    getScrollElement: () => scroller,
    estimateSize: () => ROW_PX,
    overscan: 8,
  });
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls.
    <section className={styles.list} ref={setScroller} tabIndex={0} aria-label="The jobs">
      <div style={{ height: virtual.getTotalSize(), position: 'relative' }}>
        {virtual.getVirtualItems().map(({ index, start }) => {
          const job_id = job_ids[index]!;
          const job = documents?.get(job_id);
          return (
            <div key={job_id} className={styles.one} style={{ transform: `translateY(${start}px)` }}>
              {job ? <Shown job_id={job_id} job={job} /> : <Fetched job_id={job_id} />}
            </div>
          );
        })}
      </div>
    </section>
  );
}

function Fetched({ job_id }: { job_id: string }) {
  return <Shown job_id={job_id} job={useJob(job_id)} />;
}

function Shown({ job_id, job }: { job_id: string; job: Job | undefined }) {
  return (
    <>
      <bdi title={job?.input.s3_path}>{job ? nameOf(job) : ''}</bdi>
      <span>{job ? stateWord(job.state) : ''}</span>
      <span className="mono">{job_id}</span>
    </>
  );
}
