/** A report: its figures, a chart if it is by time, and a table whose first measure is drawn; as CSV, too. */
import { Button } from '@mantine/core';
import { useMemo } from 'react';
import type { Group } from '../../../../protocol/analytics.ts';
import { Chart } from '../../parts/chart.tsx';
import { CommandLine } from '../../parts/command-line.tsx';
import { csvText } from '../../parts/csv.ts';
import { Empty } from '../../parts/empty.tsx';
import { Figure, Figures } from '../../parts/figure.tsx';
import { Panel } from '../../parts/panel.tsx';
import { saveFile } from '../../parts/save-file.ts';
import { type Column, Table } from '../../parts/table.tsx';
import { Failed } from './failed.tsx';
import styles from './insights.module.css';
import { type Range, timeOf, timesOf } from './ranges.ts';
import type { Measure, Report, Row } from './reports.tsx';
import { useReport } from './use-report.ts';

type Props = { id: string; report: Report; range: Range; group: Group };

export function ReportView({ id, report, range, group }: Props) {
  const { load, figures, title, colour, measures } = report;
  const loaded = useReport(`${id} ${range} ${group}`, (api, signal) =>
    load(api, { ...timesOf(range, Date.now()), group_by: group }, signal),
  );
  const columns = useMemo(() => columnsOf(measures, group, colour), [measures, group, colour]);
  if (loaded.state === 'loading') return <div aria-busy="true" />;
  if (loaded.state === 'failed') return <Failed error={loaded.error} />;
  const { items, total } = loaded.value;
  const first = measures[0]!;
  const most = Math.max(...items.map((row) => Number(first.value(row) ?? 0)), 0);
  const rows = items.map((row) => ({ row, share: most === 0 ? 0 : Number(first.value(row) ?? 0) / most }));
  return (
    <>
      <Figures>
        {figures(total).map((figure) => (
          <Figure key={figure.name} {...figure} />
        ))}
      </Figures>
      {items.some((row) => timeOf(row.group) !== null) && (
        <Panel title={`${title}, by ${group}`} className={styles.panel}>
          <div className={styles.plot}>
            <TimeChart items={items} measure={first} colour={colour} title={title} />
          </div>
        </Panel>
      )}
      <Panel
        title={`By ${group.replace('_', ' ')}`}
        className={styles.panel}
        aside={
          <Button
            onClick={() =>
              saveFile(
                `${id}-by-${group}.csv`,
                csvText([{ name: group, value: (row: Row) => row.group }, ...measures], items),
                'text/csv',
              )
            }
          >
            CSV
          </Button>
        }
      >
        {items.length === 0 ? (
          <Empty title="No job ended in this time" />
        ) : (
          <Table
            label={`${title} by ${group}`}
            columns={columns}
            rows={timeOf(items[0]!.group) === null ? rows : rows.toReversed()}
            keyOf={({ row }) => String(row.group)}
          />
        )}
      </Panel>
      <CommandLine command={`curl '${window.location.origin}/api/v1/analytics/${id}?group_by=${group}'`} />
    </>
  );
}

function columnsOf(
  [first, ...others]: readonly Measure[],
  group: Group,
  colour: string,
): readonly Column<{ row: Row; share: number }>[] {
  return [
    {
      name: capital(group.replace('_', ' ')),
      width: '136px',
      narrow: true,
      cell: ({ row }) => (
        <bdi className={styles.group} title={row.group ?? 'unknown'}>
          {row.group ?? 'unknown'}
        </bdi>
      ),
    },
    {
      name: first!.title,
      narrow: true,
      cell: ({ row, share }) => (
        <span className={styles.measured}>
          <span className={styles.bar} aria-hidden="true">
            <i style={{ width: `${100 * share}%` }} data-colour={colour} />
          </span>
          <span>{first!.shown(row)}</span>
        </span>
      ),
    },
    ...others.map(({ title, shown }, index) => ({
      // Two quantiles have the same title.
      name: others.findIndex((one) => one.title === title) < index ? `${title}\u00a0` : title,
      width: '118px',
      right: true,
      wide: index > 2,
      cell: ({ row }: { row: Row }) => shown(row),
    })),
  ];
}

function TimeChart({
  items,
  measure,
  colour,
  title,
}: {
  items: Row[];
  measure: Measure;
  colour: string;
  title: string;
}) {
  const data = useMemo(() => {
    const points = items.flatMap((row) => {
      const at = timeOf(row.group);
      return at === null ? [] : [[at, measure.value(row)] as const];
    });
    return [points.map(([at]) => at), points.map(([, value]) => value)] as [number[], (number | null)[]];
  }, [items, measure]);
  const series = useMemo(() => [{ name: title, kind: 'bars' as const, colour }], [title, colour]);
  const shown = (value: number) => measure.shown({ group: null, ...unflattened(measure.name, value) } as Row);
  return (
    <Chart
      data={data}
      series={series}
      height={170}
      least={0.01}
      format={(value) => (value === 0 ? '0' : shown(value))}
      label={`${title}: ${items.length} bars, of which the last is ${items.length > 0 ? measure.shown(items.at(-1)!) : 'absent'}`}
    />
  );
}

/** A row in which only this measure has a value. */
function unflattened(name: string, value: number): object {
  const [, part, which] = /^(queue|download|processing|turnaround)_(p\d+)_seconds$/.exec(name) ?? [];
  return part && which ? { [part]: { [which]: value } } : { [name]: value };
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
