/** What the live workers offer to those who submit: models, devices, tags, and options. */
import type { Worker } from '../../../../protocol/worker.ts';

export type Offer = {
  models: string[];
  devices: string[];
  tags: string[];
  /** Null if no worker has declared any: one may be about to come. */
  options: string[] | null;
};

export function offerOf(workers: Iterable<Pick<Worker, 'state' | 'capabilities'>>): Offer {
  let options: Set<string> | null = null;
  const sets = { models: new Set<string>(), devices: new Set<string>(), tags: new Set<string>() };
  for (const { state, capabilities } of workers) {
    if (state === 'TERMINATED') continue;
    const { model, models = [], device, tags = [] } = capabilities;
    for (const one of [model, ...models]) if (one !== null) sets.models.add(one);
    if (device !== null) sets.devices.add(device);
    for (const tag of tags) sets.tags.add(tag);
    if (capabilities.options === undefined) continue;
    options ??= new Set();
    for (const name of capabilities.options) options.add(name);
  }
  const sorted = (set: Set<string>) => [...set].sort();
  return {
    models: sorted(sets.models),
    devices: sorted(sets.devices),
    tags: sorted(sets.tags),
    options: options && sorted(options),
  };
}

export const sameOffer = (a: Offer, b: Offer): boolean => JSON.stringify(a) === JSON.stringify(b);
