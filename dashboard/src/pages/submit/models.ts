/** What the live workers offer to those who submit: models, devices and tags. */
import type { Worker } from '../../../../protocol/worker.ts';

export type Offer = { models: string[]; devices: string[]; tags: string[] };

export function offerOf(workers: Iterable<Pick<Worker, 'state' | 'capabilities'>>): Offer {
  const sets = { models: new Set<string>(), devices: new Set<string>(), tags: new Set<string>() };
  for (const { state, capabilities } of workers) {
    if (state === 'TERMINATED') continue;
    const { model, models = [], device, tags = [] } = capabilities;
    for (const one of [model, ...models]) if (one !== null) sets.models.add(one);
    if (device !== null) sets.devices.add(device);
    for (const tag of tags) sets.tags.add(tag);
  }
  const sorted = (set: Set<string>) => [...set].sort();
  return { models: sorted(sets.models), devices: sorted(sets.devices), tags: sorted(sets.tags) };
}

export const sameOffer = (a: Offer, b: Offer): boolean => JSON.stringify(a) === JSON.stringify(b);
