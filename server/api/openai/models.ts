/** The models that the live workers have, as OpenAI's API lists them. */
import { modelsIn } from '../../state-machine/state/requirement.ts';
import type { State } from '../../state-machine/state/state.ts';

/** Names with which clients ask for any model, because theirs is the only one that they know. */
const ANY_MODEL: ReadonlySet<string> = new Set([
  'whisper-1',
  'gpt-4o-transcribe',
  'gpt-4o-mini-transcribe',
  'gpt-4o-transcribe-diarize',
]);

/** The model that the job requires; null: any. */
export const requiredModel = (name: string): string | null => (ANY_MODEL.has(name) ? null : name);

export type Model = { id: string; object: 'model'; created: number; owned_by: string };

/** `whisper-1` stands for any; then the models of the live workers, by name. */
export function modelsOf(state: State): Model[] {
  const since = new Map<string, number>();
  for (const { state: worker_state, capabilities, created_ms } of state.tables.workers.values()) {
    if (worker_state === 'TERMINATED') continue;
    for (const model of modelsIn(capabilities)) {
      since.set(model, Math.min(since.get(model) ?? created_ms, created_ms));
    }
  }
  const models = [...since].sort(([a], [b]) => (a < b ? -1 : 1));
  return [['whisper-1', 0] as const, ...models].map(([id, created_ms]) => ({
    id,
    object: 'model',
    created: Math.floor(created_ms / 1_000),
    owned_by: 'transcription-monitor',
  }));
}
