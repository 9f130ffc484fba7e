/** What was sent to somebody outside, what became of it, and a button that sends it again. */
import { Button, SegmentedControl } from '@mantine/core';
import { Link, useSearchParams } from 'wouter';
import type { Notification, NotificationState } from '../../../../protocol/notification.ts';
import { useLive, useSelection } from '../../live/use-live.ts';
import { useMay } from '../../live/use-may.tsx';
import { useAct } from '../../parts/act.tsx';
import { CommandLine } from '../../parts/command-line.tsx';
import { Empty } from '../../parts/empty.tsx';
import { NONE } from '../../parts/format.ts';
import type { Tone } from '../../parts/job-words.ts';
import { Panel } from '../../parts/panel.tsx';
import { Pill } from '../../parts/pill.tsx';
import { type Column, Table } from '../../parts/table.tsx';
import { At } from '../../parts/time.tsx';
import { useList } from './use-pages.ts';

const TONES: Readonly<Record<NotificationState, Tone>> = {
  waiting: 'warn',
  sending: 'work',
  delivered: 'ok',
  failed: 'bad',
};
const STATES = ['all', 'waiting', 'delivered', 'failed'] as const;
const SHOWN_MAX = 300;

export function Deliveries() {
  const live = useLive();
  const version = useSelection(live.alerts, (all) => all.version);
  const [params, setParams] = useSearchParams();
  const asked = params.get('state') as NotificationState;
  const state = (STATES as readonly string[]).includes(asked) ? asked : null;
  const { items, again } = useList(
    (signal) => live.api.system.notifications({ ...(state ? { state } : {}), limit: 100 }, { signal }),
    { version: `${version} ${state}`, most: SHOWN_MAX },
  );
  const columns: readonly Column<Notification>[] = [
    {
      name: 'State',
      width: '112px',
      narrow: true,
      cell: (one) => <Pill tone={TONES[one.state]}>{one.state}</Pill>,
    },
    { name: 'What', narrow: true, cell: ({ type }) => type },
    { name: 'To', width: '20%', cell: ({ destination }) => <span title={destination}>{destination}</span> },
    {
      name: 'About',
      width: '92px',
      wide: true,
      cell: ({ job_id }) => (job_id ? <Link href={`/jobs/${encodeURIComponent(job_id)}`}>its job</Link> : 'alerts'),
    },
    { name: 'Made', width: '118px', muted: true, cell: ({ created_at }) => <At at={created_at} /> },
    { name: 'Attempts', width: '78px', right: true, wide: true, cell: ({ attempts }) => attempts },
    {
      name: 'Last error',
      width: '20%',
      muted: true,
      wide: true,
      cell: ({ last_error }) => <span title={last_error ?? undefined}>{last_error ?? NONE}</span>,
    },
    {
      name: 'Send again',
      unnamed: true,
      width: '124px',
      right: true,
      narrow: true,
      cell: ({ id }) => <Replay id={id} onDone={again} />,
    },
  ];
  if (items === null) return <div aria-busy="true" />;
  return (
    <Panel
      title="Deliveries, the last ones first"
      aside={
        <SegmentedControl
          data={[...STATES]}
          value={state ?? 'all'}
          onChange={(value) =>
            setParams({ tab: 'deliveries', ...(value === 'all' ? {} : { state: value }) }, { replace: true })
          }
          aria-label="State"
        />
      }
    >
      {items.length === 0 ? (
        <Empty title="Nothing was sent in the last day">
          <p>Alerts go to the destinations of --notify, and the ends of jobs to their webhooks:</p>
          <CommandLine command="tmon serve --notify slack:https://hooks.slack.com/services/…" />
        </Empty>
      ) : (
        <Table label="Deliveries" columns={columns} rows={items} keyOf={({ id }) => id} />
      )}
    </Panel>
  );
}

function Replay({ id, onDone }: { id: string; onDone: () => void }) {
  const { api } = useLive();
  const { busy, act } = useAct();
  if (!useMay('operate')) return null;
  return (
    <Button
      loading={busy}
      onClick={() =>
        act(async () => {
          await api.system.replayNotification(id);
          onDone();
          return { text: 'It is sent again, under the same id.' };
        })
      }
    >
      Send again
    </Button>
  );
}
