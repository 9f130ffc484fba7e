/**
 * An index of followers by their job filter, so that the cost of an event does not grow with the number of followers it
 * does not match. A filter is a set of fields with one value each; for each set of fields in use, one lookup with the
 * job's values finds the matching followers:
 *
 *     {state}            state=QUEUED             → …
 *     {tag, worker_id}   tag=a, worker_id=w-1     → …        one lookup per tag of the job
 */
import type { FeedFilter } from '../../protocol/feed.ts';
import type { JobStateName } from '../../protocol/job.ts';
import type { JobRecord } from '../state-machine/state/records.ts';

const FIELDS = ['state', 'worker_id', 'priority', 'tag'] as const satisfies readonly (keyof FeedFilter)[];
type Field = (typeof FIELDS)[number];

type Shape<T> = { fields: readonly Field[]; byValues: Map<string, Set<T>> };

/** A job as of one event: `state` is the state after that event, not the record's current one. */
export type Seen = { state: JobStateName | undefined; job: JobRecord | undefined };

export class FilterIndex<T> {
  readonly #shapes = new Map<string, Shape<T>>();

  add(filter: FeedFilter, one: T): void {
    const fields = fieldsOf(filter);
    const name = fields.join();
    const shape: Shape<T> = this.#shapes.get(name) ?? { fields, byValues: new Map() };
    this.#shapes.set(name, shape);
    const values = keyOf(fields, (field) => filter[field]!);
    const there = shape.byValues.get(values);
    if (there) there.add(one);
    else shape.byValues.set(values, new Set([one]));
  }

  delete(filter: FeedFilter, one: T): void {
    const fields = fieldsOf(filter);
    const shape = this.#shapes.get(fields.join());
    const values = keyOf(fields, (field) => filter[field]!);
    const there = shape?.byValues.get(values);
    if (!shape || !there?.delete(one) || there.size > 0) return;
    shape.byValues.delete(values);
    if (shape.byValues.size === 0) this.#shapes.delete(fields.join());
  }

  get size(): number {
    return this.#shapes.size;
  }

  /** Returns the followers whose filter the job matches, as disjoint sets. */
  matching({ state, job }: Seen): Set<T>[] {
    const found: Set<T>[] = [];
    for (const { fields, byValues } of this.#shapes.values()) {
      const tags = fields.includes('tag') ? (job?.tags ?? []) : ONE;
      for (const tag of tags) {
        const values = keyOf(fields, (field) => {
          if (field === 'state') return state;
          if (field === 'tag') return tag;
          return field === 'worker_id' ? job?.run?.worker_id : job?.priority;
        });
        const there = byValues.get(values);
        if (there) found.push(there);
      }
    }
    return found;
  }
}

/** Whether a job matches one filter. */
export function fits(filter: FeedFilter, { state, job }: Seen): boolean {
  return (
    (filter.state === undefined || filter.state === state) &&
    (filter.worker_id === undefined || filter.worker_id === job?.run?.worker_id) &&
    (filter.priority === undefined || filter.priority === job?.priority) &&
    (filter.tag === undefined || (job?.tags.includes(filter.tag) ?? false))
  );
}

const ONE = [''];

const fieldsOf = (filter: FeedFilter): Field[] => FIELDS.filter((field) => filter[field] !== undefined);

const keyOf = (fields: readonly Field[], read: (field: Field) => string | undefined): string =>
  JSON.stringify(fields.map((field) => read(field) ?? null));
