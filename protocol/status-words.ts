/**
 * The words that programs use for the state of a job, in any case: those of job queues, batch systems and tables that people
 * made. Other words can be mapped: `?states=sleeping:QUEUED,gone:FAILED` on the URL of a source.
 */
import { SIGHTED_STATES, type SightedState } from './sighted-state.ts';

const WORDS: Record<SightedState, string> = {
  QUEUED:
    'queued pending waiting enqueued submitted created scheduled received delayed deferred prioritized retry retrying retryable available new todo not_started in_queue wait awaiting awaiting_retry up_for_retry up_for_reschedule runnable requeued paused suspended blocked on_hold',
  // One that is being cancelled still runs.
  PROCESSING:
    'processing running in_progress started starting restarting active working progress transcribing executing doing ongoing busy downloading loading preprocessing postprocessing uploading diarizing aligning finalizing completing validating configuring cancelling canceling aborting stopping',
  COMPLETED: 'completed complete done success succeeded successful finished ok transcribed',
  // What was cancelled has ended without a transcript.
  FAILED:
    'failed failure fail error errored timeout timed_out cancelled canceled aborted killed revoked stopped crashed dead discarded expired rejected terminated abandoned interrupted upstream_failed out_of_memory node_fail preempted boot_fail deadline',
};

/** Additional words, in lower case without separators. */
export type StateWords = ReadonlyMap<string, SightedState>;

const plain = (word: string): string =>
  word
    .trim()
    .toLowerCase()
    .replace(/[\s_-]+/g, '');

const KNOWN: StateWords = new Map(
  SIGHTED_STATES.flatMap((state) => WORDS[state].split(' ').map((word) => [plain(word), state] as const)),
);

/** A column may be a flag or a number, with words mapped to its values. */
const PRIMITIVES: ReadonlySet<string> = new Set(['string', 'number', 'bigint', 'boolean']);

/** A status in any spelling; undefined if it is not known as one. */
export function lenientState(value: unknown, words?: StateWords): SightedState | undefined {
  if (!PRIMITIVES.has(typeof value)) return undefined;
  const word = plain(String(value));
  return words?.get(word) ?? KNOWN.get(word);
}

/** Why it failed, if its status says more than that it did: `cancelled`, `timeout`. */
export function reasonOf(value: unknown): string | null {
  const word = String(value).trim();
  return /^(fail(ed|ure)?|error(ed)?)$/i.test(word) ? null : word.toLowerCase();
}

export function noStatus(value: unknown): string {
  if (value == null) return 'it has no status';
  const shown = JSON.stringify(value)?.slice(0, 80) ?? String(value);
  return `its status is ${shown}, which is not known (?states=${shown.replace(/^"|"$/g, '')}:FAILED on the URL maps it)`;
}

/** Parses `sleeping:QUEUED,gone:FAILED`. Throws a RangeError. */
export function parseStateWords(text: string): StateWords {
  const words = new Map<string, SightedState>();
  for (const pair of text.split(',').filter((one) => one.trim() !== '')) {
    const colon = pair.lastIndexOf(':');
    const word = plain(pair.slice(0, Math.max(0, colon)));
    const state = SIGHTED_STATES.find(
      (one) =>
        one ===
        pair
          .slice(colon + 1)
          .trim()
          .toUpperCase(),
    );
    if (word === '' || state === undefined) {
      throw new RangeError(`${JSON.stringify(pair)} maps no word to ${SIGHTED_STATES.join(', ')}`);
    }
    words.set(word, state);
  }
  return words;
}

/**
 * How programs spell the words for jobs that have not ended, in lower case: for the condition of a query, which must find a
 * job that has hung for days.
 */
export const openSpellings = (words?: StateWords): string[] =>
  spellingsOf((state) => state === 'QUEUED' || state === 'PROCESSING', words);

/** Those for completed jobs. */
export const completedSpellings = (words?: StateWords): string[] =>
  spellingsOf((state) => state === 'COMPLETED', words);

function spellingsOf(isWanted: (state: SightedState) => boolean, words?: StateWords): string[] {
  const all = new Map([...KNOWN, ...(words ?? [])]);
  const listed = Object.values(WORDS).flatMap((some) => some.split(' '));
  const spelled = new Map(listed.map((word) => [plain(word), word]));
  return [...all]
    .filter(([, state]) => isWanted(state))
    .flatMap(([word]) => {
      const snake = spelled.get(word) ?? word;
      return [...new Set([snake, word, snake.replaceAll('_', '-'), snake.replaceAll('_', ' ')])];
    });
}
