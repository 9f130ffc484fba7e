/**
 * Joins the parts of a line that a container runtime has split: docker's json-file after 16 KiB, where a part ends without a line
 * break, and CRI (containerd, CRI-O), where a part has the tag `P`. The parts of one stream follow each other; those of the other
 * stream may be between.
 */
import type { LineFormat } from './line-format.ts';

export type Joined = {
  line: string;
  /** Of its first part. */
  offset: number;
  where: string;
};

type Parts = Joined & { inner: string[]; characters: number; tooLong: boolean };

export class PartialLines {
  readonly #bytesMax: number;
  readonly #open = new Map<string, Parts>();

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Offset of the oldest part that waits for its end; null if none does. A position is before it. */
  get offset(): number | null {
    let first: number | null = null;
    for (const { offset } of this.#open.values()) first = first === null ? offset : Math.min(first, offset);
    return first;
  }

  /** Whether the text has a part, or the end of one; if not, it can be read as it is. */
  concerns(text: string, format: LineFormat): boolean {
    if (this.#open.size > 0) return true;
    if (format === 'cri') return text.includes(' stdout P ') || text.includes(' stderr P ');
    return format === 'docker' && DOCKER_PART.test(text);
  }

  /** `whole`: a line by itself. `held`: a part. Otherwise the line that this part completes. */
  take(line: string, at: { offset: number; where: string }): 'whole' | 'held' | 'skipped' | Joined {
    const part = criPart(line) ?? dockerPart(line);
    if (part === null) return 'whole';
    const { stream, head, text, isLast } = part;
    const open = this.#open.get(stream);
    if (open === undefined && isLast) return 'whole';
    const parts = open ?? { ...at, line: head, inner: [], characters: 0, tooLong: false };
    if (open === undefined) this.#open.set(stream, parts);
    parts.characters += text.length;
    if (parts.characters > this.#bytesMax) {
      parts.tooLong = true;
      parts.inner = [];
    } else if (!parts.tooLong) parts.inner.push(text);
    if (!isLast) return 'held';
    this.#open.delete(stream);
    return parts.tooLong ? 'skipped' : joined(parts);
  }

  /** The lines whose end is missing, at the end of the input or because it is too far away. */
  takeAll(): Joined[] {
    const lines = [...this.#open.values()].filter(({ tooLong }) => !tooLong).map(joined);
    this.#open.clear();
    return lines;
  }
}

const joined = ({ line, inner, offset, where }: Parts): Joined => ({ line: line + inner.join(''), offset, where });

/** `head` stands before the joined text: the time of the first part. */
type Part = { stream: string; head: string; text: string; isLast: boolean };

function criPart(line: string): Part | null {
  const [all, time = '', stream = '', tag] = CRI.exec(line) ?? [];
  if (all === undefined) return null;
  return { stream, head: `${time} ${stream} F `, text: line.slice(all.length), isLast: tag === 'F' };
}

function dockerPart(line: string): Part | null {
  if (!line.startsWith('{"log":"')) return null;
  try {
    const { log, stream, time } = JSON.parse(line) as Record<string, unknown>;
    if (typeof log !== 'string' || typeof stream !== 'string') return null;
    const isLast = log.endsWith('\n');
    return { stream, head: `${String(time)} ${stream} F `, text: isLast ? log.slice(0, -1) : log, isLast };
  } catch {
    return null;
  }
}

const CRI = /^(\d{4}-\d\d-\d\dT\S+) (stdout|stderr) ([PF])(?::\S*)? /;
/** The text of a whole line ends with a line break. */
const DOCKER_PART = /(?:[^n]|[^\\]n)","(?:stream|attrs)"/;
