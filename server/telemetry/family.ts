/**
 * A metric family of `GET /metrics`: its name, help text and values at one moment. The readers in this folder make
 * families from state that exists anyway, so nothing is counted twice and a scrape sees one moment.
 */
import type { Tally } from '../state-machine/state/tallies.ts';

export type Family = {
  name: string;
  help: string;
  type: 'gauge' | 'counter' | 'histogram' | 'summary';
  values: readonly Value[];
};

/** `metricName`: of a line of a histogram, which has another name than its family. */
type Value = { value: number; labels: Readonly<Record<string, string | number>>; metricName?: string };

export type Sample = { value: number; labels?: Readonly<Record<string, string>> };

export const PREFIX = 'transcription_monitor_';

export const gauge = (name: string, help: string, samples: number | readonly Sample[]): Family =>
  family('gauge', name, help, samples);

/** `name` ends in `_total`. */
export const counter = (name: string, help: string, samples: number | readonly Sample[]): Family =>
  family('counter', name, help, samples);

/** A distribution of the fold. `bounds` and sums are in thousandths of the unit. */
export function histogram(
  name: string,
  help: string,
  label: string,
  { bounds, tallies }: { bounds: readonly number[]; tallies: readonly (readonly [label: string, tally: Tally])[] },
): Family {
  const full = PREFIX + name;
  const values: Value[] = [];
  for (const [value, [sum = 0, ...counts]] of tallies) {
    const labels = { [label]: value };
    let through = 0;
    for (const [index, bucket] of counts.entries()) {
      through += bucket;
      const le = index < bounds.length ? bounds[index]! / 1000 : '+Inf';
      values.push({ metricName: `${full}_bucket`, labels: { ...labels, le }, value: through });
    }
    values.push({ metricName: `${full}_sum`, labels, value: sum / 1000 });
    values.push({ metricName: `${full}_count`, labels, value: through });
  }
  return { name: full, help, type: 'histogram', values };
}

/** A sample for each entry: its key as the label, and its number. */
export const byLabel = (label: string, numbers: Iterable<readonly [string, number]>): Sample[] =>
  Array.from(numbers, ([key, value]) => ({ value, labels: { [label]: key } }));

function family(type: 'gauge' | 'counter', name: string, help: string, samples: number | readonly Sample[]): Family {
  const all: readonly Sample[] = typeof samples === 'number' ? [{ value: samples }] : samples;
  return { name: PREFIX + name, help, type, values: all.map(({ value, labels = {} }) => ({ value, labels })) };
}
