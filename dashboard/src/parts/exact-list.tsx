/** Exactly these jobs, by name and id, in a list of any length. */
import { useVirtualizer } from '@tanstack/react-virtual';
import { useState } from 'react';
import { useJob } from '../live/use-live.ts';
import styles from './exact-list.module.css';
import { nameOf } from './job-words.ts';

const ROW_PX = 28;

export function ExactList({ job_ids }: { job_ids: readonly string[] }) {
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
        {virtual.getVirtualItems().map(({ index, start }) => (
          <div key={job_ids[index]} className={styles.one} style={{ transform: `translateY(${start}px)` }}>
            <One job_id={job_ids[index]!} />
          </div>
        ))}
      </div>
    </section>
  );
}

function One({ job_id }: { job_id: string }) {
  const job = useJob(job_id);
  return (
    <>
      <bdi title={job?.input.s3_path}>{job ? nameOf(job) : ''}</bdi>
      <span className="mono">{job_id}</span>
    </>
  );
}
