/** `system/health.json`: the state of the whole system in one document. */
import { healthDocument } from '../documents/system.ts';
import type { State } from '../state-machine/state/state.ts';
import { HEALTH_KEY } from './keys.ts';
import type { View } from './view.ts';

export function healthView(state: State): View {
  return { present: [{ key: HEALTH_KEY, document: () => healthDocument(state) }], absent: [] };
}
