/** `queues/main-queue.json` and `queues/dead-letter-queue.json`: depth and age. */
import { deadLetterQueueDocument, mainQueueDocument } from '../documents/queues.ts';
import type { State } from '../state-machine/state/state.ts';
import { queueKey } from './keys.ts';
import type { View } from './view.ts';

export function queuesView(state: State): View {
  return {
    present: [
      { key: queueKey('main'), document: () => mainQueueDocument(state) },
      { key: queueKey('dlq'), document: () => deadLetterQueueDocument(state) },
    ],
    absent: [],
  };
}
