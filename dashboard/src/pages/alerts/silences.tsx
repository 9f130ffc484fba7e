/** Silences that have not ended. */
import { Button } from '@mantine/core';
import type { Silence } from '../../../../protocol/alert.ts';
import { useLive, useSelection } from '../../live/use-live.ts';
import { useMay } from '../../live/use-may.tsx';
import { useAct } from '../../parts/act.tsx';
import { CommandLine } from '../../parts/command-line.tsx';
import { Empty } from '../../parts/empty.tsx';
import { Panel } from '../../parts/panel.tsx';
import { type Column, Table } from '../../parts/table.tsx';
import { Ago, At } from '../../parts/time.tsx';
import styles from './alerts.module.css';
import { useList } from './use-pages.ts';

export function Silences() {
  const live = useLive();
  const version = useSelection(live.alerts, (all) => all.version);
  const { items, again } = useList((signal) => live.api.system.silences({ signal }), { version });
  if (items === null) return <div aria-busy="true" />;
  const columns: readonly Column<Silence>[] = [
    {
      name: 'Alerts with',
      narrow: true,
      cell: ({ matchers }) => (
        <span className={styles.matchers}>
          {matchers.map(({ name, op, value }) => (
            <code key={`${name}${op}${value}`}>
              {name}
              {op}
              {value}
            </code>
          ))}
        </span>
      ),
    },
    { name: 'Why', width: '32%', cell: ({ comment }) => <span title={comment}>{comment}</span> },
    { name: 'By', width: '120px', muted: true, wide: true, cell: ({ created_by }) => created_by },
    { name: 'Since', width: '92px', muted: true, wide: true, cell: ({ created_at }) => <Ago at={created_at} /> },
    {
      name: 'Until',
      width: '120px',
      muted: true,
      cell: ({ ends_at }) => (ends_at ? <At at={ends_at} /> : 'they are resolved'),
    },
    {
      name: 'End it',
      unnamed: true,
      width: '84px',
      right: true,
      narrow: true,
      cell: ({ id }) => <End id={id} onDone={again} />,
    },
  ];
  return (
    <Panel title="Silences">
      {items.length === 0 ? (
        <Empty title="Nothing is silenced">
          <p>A silence keeps alerts from notifying anybody for a while. The button beside an alert creates one, or:</p>
          <CommandLine command="tmon alerts silence 'worker=gpu-*' --for 4h --comment 'new drivers'" />
        </Empty>
      ) : (
        <Table label="Silences" columns={columns} rows={items} keyOf={({ id }) => id} />
      )}
    </Panel>
  );
}

function End({ id, onDone }: { id: string; onDone: () => void }) {
  const { api } = useLive();
  const { busy, act } = useAct();
  if (!useMay('operate')) return null;
  return (
    <Button
      loading={busy}
      onClick={() =>
        act(async () => {
          await api.system.endSilence(id);
          onDone();
          return { text: 'The silence has ended.' };
        })
      }
    >
      End
    </Button>
  );
}
