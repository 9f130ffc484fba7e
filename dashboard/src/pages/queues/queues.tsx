/** The queues: jobs that wait, in the order in which they begin, and dead letters, by what they died of. */
import { Tabs } from '@mantine/core';
import { useSearchParams } from 'wouter';
import { useLive, useValue } from '../../live/use-live.ts';
import { count } from '../../parts/format.ts';
import { Page } from '../../parts/page.tsx';
import { DeadLetters } from './dead-letters.tsx';
import { MainQueue } from './main-queue.tsx';
import styles from './queues.module.css';
import { useDeadLetters } from './use-queue-jobs.ts';

export function Queues() {
  const live = useLive();
  const main = useValue(live.queue);
  const dead = useDeadLetters();
  const [params, setParams] = useSearchParams();
  const shown = params.get('queue') === 'dlq' ? 'dlq' : 'main';
  return (
    <Page title="Queues">
      <Tabs
        value={shown}
        onChange={(value) => setParams(value === 'dlq' ? { queue: 'dlq' } : {}, { replace: true })}
        className={styles.tabs!}
        keepMounted={false}
      >
        <Tabs.List>
          <Tabs.Tab value="main">
            Waiting {main && <Count of={main.messages_visible + main.messages_delayed} />}
          </Tabs.Tab>
          <Tabs.Tab value="dlq">Dead letters {dead !== null && <Count of={dead.size} bad />}</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="main">
          <MainQueue />
        </Tabs.Panel>
        <Tabs.Panel value="dlq">
          <DeadLetters dead={dead} />
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}

function Count({ of, bad = false }: { of: number; bad?: boolean }) {
  return (
    <span className={styles.count} data-bad={(bad && of > 0) || undefined}>
      {count(of)}
    </span>
  );
}
