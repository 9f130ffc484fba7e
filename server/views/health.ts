/** `system/health.json`: the whole at a glance. */
import { healthDocument } from '../state-machine/documents.ts';
import type { State } from '../state-machine/state.ts';
import { HEALTH_KEY } from './keys.ts';
import type { View } from './view.ts';

export function healthView(state: State): View {
  return { present: [{ key: HEALTH_KEY, document: () => healthDocument(state) }], absent: [] };
}
