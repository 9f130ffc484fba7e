/** All that happened to the job, and its document as the API returns it. */
import { SegmentedControl } from '@mantine/core';
import { useState } from 'react';
import type { Job } from '../../../../protocol/job.ts';
import { CommandLine } from '../../parts/command-line.tsx';
import { stateTone, stateWord } from '../../parts/job-words.ts';
import { Panel } from '../../parts/panel.tsx';
import { Pill } from '../../parts/pill.tsx';
import { At } from '../../parts/time.tsx';
import styles from './history-panel.module.css';

export function HistoryPanel({ job }: { job: Job }) {
  const [shown, setShown] = useState('Events');
  return (
    <Panel
      title={shown === 'Events' ? 'Events' : 'Document'}
      aside={<SegmentedControl data={['Events', 'JSON']} value={shown} onChange={setShown} aria-label="Shown" />}
    >
      {shown === 'Events' ? (
        <ol className={styles.events}>
          {job.state_history.toReversed().map(({ state, timestamp, details }) => (
            <li key={`${timestamp} ${state}`}>
              <At at={timestamp} />
              <span>
                <Pill tone={stateTone(state)}>{stateWord(state)}</Pill>
              </span>
              <span>{details}</span>
            </li>
          ))}
        </ol>
      ) : (
        <div className={styles.json}>
          <CommandLine command={JSON.stringify(job, null, 2)} />
        </div>
      )}
    </Panel>
  );
}
