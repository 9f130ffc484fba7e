/** All that happened to the job, and its document as the API returns it. */
import { SegmentedControl } from '@mantine/core';
import { type ReactNode, useState } from 'react';
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
          {eventsOf(job).map(({ key, at, pill, details }) => (
            <li key={key}>
              <At at={at} />
              <span>{pill}</span>
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

type Event = { key: string; at: string; pill: ReactNode; details: string };

/** Newest first: the states of the job, and what policies did about it. */
function eventsOf({ state_history, actions }: Job): Event[] {
  const states = state_history.map(({ state, timestamp, details }) => ({
    key: `${timestamp} ${state}`,
    at: timestamp,
    pill: <Pill tone={stateTone(state)}>{stateWord(state)}</Pill>,
    details,
  }));
  const taken = actions.map(({ at, policy, action, outcome, reason }) => ({
    key: `${at} ${policy}`,
    at,
    pill: <Pill tone="work">policy</Pill>,
    details: `${policy}: ${action.replaceAll('_', ' ')} (${outcome.replaceAll('_', ' ')}). ${reason}`,
  }));
  // Equal times keep the order of the history.
  return [...states, ...taken].sort((a, b) => a.at.localeCompare(b.at)).reverse();
}
