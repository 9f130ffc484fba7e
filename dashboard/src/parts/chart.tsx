/** A chart by uPlot, in the colours of the theme. What the pointer is at goes to `onPoint`; a sentence says it to readers. */
import 'uplot/dist/uPlot.min.css';
import { useComputedColorScheme } from '@mantine/core';
import { useMergedRef, useResizeObserver } from '@mantine/hooks';
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import styles from './chart.module.css';

export type ChartSeries = {
  name: string;
  kind: 'bars' | 'line' | 'area';
  /** A token, without its dashes: `accent-fill`. */
  colour: string;
  scale?: 'y' | 'right';
  dash?: number[];
};

type Props = {
  /** Seconds, then the values of each series. */
  data: uPlot.AlignedData;
  series: readonly ChartSeries[];
  height: number;
  /** What the chart shows, in a sentence. */
  label: string;
  /** A value of the axis as text. */
  format?: (value: number) => string;
  /** The least top of the axis, so that a flat line is not magnified. */
  least?: number;
  top?: number;
  onPoint?: (index: number | null) => void;
};

const FONT = '10.5px "Inter Variable", system-ui, sans-serif';

export function Chart({ data, series, height, label, format = String, least = 1, top, onPoint }: Props) {
  const scheme = useComputedColorScheme('dark');
  const frame = useRef<HTMLDivElement>(null);
  const [observe, { width }] = useResizeObserver<HTMLDivElement>();
  const place = useMergedRef(frame, observe);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef({ data, format, onPoint });
  latest.current = { data, format, onPoint };
  const shape = JSON.stringify(series);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a theme has other colours.
  useEffect(() => {
    const element = frame.current;
    if (!element || width === 0) return;
    const tokens = getComputedStyle(document.documentElement);
    const token = (name: string) => tokens.getPropertyValue(`--${name}`).trim();
    const wanted = JSON.parse(shape) as ChartSeries[];
    const axis = {
      stroke: token('faint'),
      font: FONT,
      ticks: { show: false },
      grid: { stroke: token('line'), width: 1 },
    };
    plot.current = new uPlot(
      {
        width,
        height,
        padding: [8, 10, 0, 0],
        legend: { show: false },
        cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
        scales: {
          x: { time: true, range: wanted.some(({ kind }) => kind === 'bars') ? barRange : undefined } as uPlot.Scale,
          y: { range: (_plot, _min, max) => [0, top ?? Math.max(least, (max || 0) * 1.08)] },
        },
        axes: [
          { ...axis, grid: { show: false }, size: 22, gap: 4, space: 70, values: timeValues },
          {
            ...axis,
            size: 40,
            gap: 6,
            space: 34,
            values: (_plot, values) => values.map((value) => latest.current.format(value)),
          },
        ],
        hooks: {
          setCursor: [({ cursor }) => latest.current.onPoint?.(cursor.idx ?? null)],
        },
        series: [{}, ...wanted.map((one) => seriesOf(one, token))],
      },
      latest.current.data,
      element,
    );
    return () => {
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shape, width, height, scheme, least, top]);
  useEffect(() => plot.current?.setData(data), [data]);
  return <div ref={place} className={styles.chart} role="img" aria-label={label} style={{ height }} />;
}

function seriesOf({ name, kind, colour, dash }: ChartSeries, token: (name: string) => string): uPlot.Series {
  const stroke = token(colour);
  if (kind === 'bars') {
    const paths = uPlot.paths.bars!({ size: [0.82, 40], radius: 0.12 });
    return { label: name, fill: stroke, width: 0, paths, points: { show: false } };
  }
  const paths = uPlot.paths.spline!();
  const area = kind === 'area' ? { fill: `color-mix(in srgb, ${stroke} 16%, transparent)` } : {};
  return { label: name, stroke, width: 1.5, paths, points: { show: false }, ...(dash ? { dash } : {}), ...area };
}

/** Half a bar more on both sides. */
function barRange({ data }: uPlot, from: number, to: number): uPlot.Range.MinMax {
  const [times] = data;
  const step = times.length > 1 ? times[1]! - times[0]! : 3600;
  return [from - step / 2, to + step / 2];
}

const HOURS = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const DAYS = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

function timeValues({ data: [x] }: uPlot, times: number[], _axis: number, _space: number, step: number): string[] {
  return times.map((seconds) => {
    const time = new Date(seconds * 1000);
    const midnight = time.getHours() === 0 && time.getMinutes() === 0;
    // Between bars of days there are no hours.
    if (x.length > 1 && x[1]! - x[0]! >= 86_400 && time.getUTCHours() !== 0) return '';
    return step >= 86_400 || midnight ? DAYS.format(time) : HOURS.format(time);
  });
}
