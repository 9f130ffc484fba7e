/**
 * Copies of short strings: a slice of a log's chunk would keep the whole chunk in memory.
 */
export function ownWord(word: string): string {
  if (word.length < SLICE_CHARS_MIN) return word;
  if (word.length > COPY_CHARS_MAX) return Buffer.from(word).toString();
  return COPY.toString('utf8', 0, COPY.write(word));
}

/** Node's engine copies shorter ones anyway (SlicedString::kMinLength). */
const SLICE_CHARS_MIN = 13;
const COPY_CHARS_MAX = 4096;
const COPY = Buffer.allocUnsafeSlow(3 * COPY_CHARS_MAX);

/** The same few jobs, workers and stages repeat, so most are not copied. */
export class OwnWords {
  readonly #known = new Map<string, string>();

  of(word: string): string {
    const known = this.#known.get(word);
    if (known !== undefined) return known;
    const own = ownWord(word);
    if (this.#known.size === WORDS_MAX) this.#known.clear();
    this.#known.set(own, own);
    return own;
  }
}

const WORDS_MAX = 10_000;
