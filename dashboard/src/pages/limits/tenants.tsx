/** Tenants: their shares of the fleet, their limits, and what each has used today; paused and resumed. */
import { Button } from '@mantine/core';
import type { Tenant } from '../../../../protocol/tenant.ts';
import { useLive, useValue } from '../../live/use-live.ts';
import { May, useMay } from '../../live/use-may.tsx';
import { useSlowly } from '../../live/use-slowly.ts';
import { useAct } from '../../parts/act.tsx';
import { CommandLine } from '../../parts/command-line.tsx';
import { ConfirmButton } from '../../parts/confirm-button.tsx';
import { Empty } from '../../parts/empty.tsx';
import { count } from '../../parts/format.ts';
import { Panel } from '../../parts/panel.tsx';
import { Pill } from '../../parts/pill.tsx';
import { type Column, Table } from '../../parts/table.tsx';
import { useList } from '../alerts/use-pages.ts';
import { EditTenant } from './edit-tenant.tsx';
import { type Use, usesOf } from './limit-words.ts';
import styles from './limits.module.css';

const AGAIN_MS = 3_000;

export function Tenants() {
  const live = useLive();
  const version = useSlowly(useValue(live.queue)?.as_of_seq ?? 0, AGAIN_MS);
  const { items, again } = useList((signal) => live.api.tenants.list({ signal }), { version, most: 10_000 });
  const mayChange = useMay('operate');
  if (items === null) return <div aria-busy="true" />;
  return (
    <Panel
      title="Tenants, and what they have used today"
      className={styles.panel}
      aside={
        <May do="operate">
          <EditTenant tenant={null} onDone={again} />
        </May>
      }
    >
      {items.length === 0 ? (
        <Empty title="Nobody shares this fleet yet">
          <p>A tenant sees its own jobs alone, gets its share of the workers, and stays within its limits.</p>
          <CommandLine command="tmon keys create --role submit --tenant acme --name 'web shop'" />
        </Empty>
      ) : (
        <Table label="Tenants" columns={columnsOf(again, mayChange)} rows={items} keyOf={({ tenant }) => tenant} />
      )}
    </Panel>
  );
}

const shown = ({ text, reached }: Use) => <span className={reached ? styles.reached : undefined}>{text}</span>;

function columnsOf(again: () => void, mayChange: boolean): readonly Column<Tenant>[] {
  return [
    {
      name: 'Tenant',
      narrow: true,
      cell: ({ tenant, paused }) => (
        <>
          <span className="mono">{tenant}</span> {paused && <Pill tone="warn">paused</Pill>}
        </>
      ),
    },
    { name: 'Weight', width: '68px', right: true, cell: ({ weight }) => count(weight) },
    { name: 'Waiting', width: '76px', right: true, narrow: !mayChange, cell: ({ waiting }) => count(waiting) },
    {
      name: 'Running',
      width: '104px',
      right: true,
      narrow: !mayChange,
      cell: (tenant) => shown(usesOf(tenant).running),
    },
    { name: 'Jobs', width: '130px', right: true, cell: (tenant) => shown(usesOf(tenant).jobs) },
    { name: 'Audio', width: '130px', right: true, wide: true, cell: (tenant) => shown(usesOf(tenant).audio) },
    { name: 'Uploaded', width: '160px', right: true, wide: true, cell: (tenant) => shown(usesOf(tenant).upload) },
    ...(mayChange
      ? [
          {
            name: 'Change',
            unnamed: true,
            width: '168px',
            right: true,
            narrow: true,
            cell: (tenant: Tenant) => (
              <span className={styles.buttons}>
                <EditTenant tenant={tenant} onDone={again} />
                <Pause tenant={tenant} onDone={again} />
              </span>
            ),
          },
        ]
      : []),
  ];
}

function Pause({ tenant: { tenant, paused, running }, onDone }: { tenant: Tenant; onDone: () => void }) {
  const { api } = useLive();
  const { busy, act } = useAct();
  const resume = async () => {
    await api.tenants.resume(tenant);
    onDone();
    return { text: `The jobs of ${tenant} are handed out again.` };
  };
  if (paused) {
    return (
      <Button loading={busy} onClick={() => act(resume)}>
        Resume
      </Button>
    );
  }
  return (
    <ConfirmButton
      label="Pause"
      title={`Pause ${tenant}`}
      run={async () => {
        await api.tenants.pause(tenant);
        onDone();
        return { text: `${tenant} is paused.`, undo: () => api.tenants.resume(tenant).then(onDone) };
      }}
    >
      <p>Its waiting jobs are handed to no worker until it is resumed; it may go on to submit.</p>
      <p>{running === 0 ? 'None of its jobs is running.' : `Its ${count(running)} running jobs go on.`}</p>
    </ConfirmButton>
  );
}
