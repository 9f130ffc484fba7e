/** Alerts that are over, the last one first. */

import type { ListedAlert } from '../../../../sdk/typescript/index.ts';
import { useLive, useSelection } from '../../live/use-live.ts';
import { Empty } from '../../parts/empty.tsx';
import { duration } from '../../parts/format.ts';
import { Panel } from '../../parts/panel.tsx';
import { Pill } from '../../parts/pill.tsx';
import { type Column, Table } from '../../parts/table.tsx';
import { At } from '../../parts/time.tsx';
import { severityTone } from './alert-words.ts';
import { useList } from './use-pages.ts';

const SHOWN_MAX = 200;

const COLUMNS: readonly Column<ListedAlert>[] = [
  {
    name: 'Severity',
    width: '104px',
    cell: ({ severity }) => <Pill tone={severityTone(severity)}>{severity.toLowerCase()}</Pill>,
  },
  { name: 'Alert', narrow: true, cell: ({ message }) => <span title={message}>{message}</span> },
  { name: 'Rule', width: '172px', muted: true, wide: true, cell: ({ rule }) => <span className="mono">{rule}</span> },
  {
    name: 'Fired',
    width: '116px',
    muted: true,
    cell: ({ fired_at, created_at }) => <At at={fired_at ?? created_at} />,
  },
  {
    name: 'Lasted',
    width: '92px',
    right: true,
    narrow: true,
    cell: ({ fired_at, created_at, resolved_at }) =>
      duration((Date.parse(resolved_at!) - Date.parse(fired_at ?? created_at)) / 1000),
  },
  {
    name: 'Ended by',
    width: '140px',
    muted: true,
    wide: true,
    cell: ({ resolved_by }) => (resolved_by === 'condition' ? 'its condition' : resolved_by),
  },
];

export function ResolvedAlerts() {
  const live = useLive();
  const version = useSelection(live.alerts, (all) => all.version);
  const { items } = useList((signal) => live.api.system.alerts({ status: 'resolved' }, { signal }), {
    version,
    most: SHOWN_MAX,
  });
  if (items === null) return <div aria-busy="true" />;
  return (
    <Panel title="Resolved" aside={items.length === SHOWN_MAX ? `the last ${SHOWN_MAX}` : undefined}>
      {items.length === 0 ? (
        <Empty title="No alert was resolved lately" />
      ) : (
        <Table label="Resolved alerts" columns={COLUMNS} rows={items} keyOf={({ id }) => id} />
      )}
    </Panel>
  );
}
