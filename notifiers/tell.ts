/**
 * One message when the answer changes: well to wrong, wrong to well, another set of wrong things.
 *
 * A source that can't be read is told of when the next look can't read it either, and the look in between tells nothing: what
 * is wrong there is out of sight, not gone, and nobody is to be woken by a network that was away for a moment.
 */
import type { CheckDocument } from '../protocol/check.ts';
import type { Notice, Notifier } from './notifier.ts';

/** Of a check that finds nothing: what everyone is taken to know who was told nothing yet. */
const WELL = 'well';

/** What makes two answers the same: which things are wrong, not for how long. */
export function answerOf(document: CheckDocument): string {
  if (document.verdict === 'well') return WELL;
  const unread = unreadIn(document).map((name) => `unread ${name}`);
  const wrong = document.problems.map(({ kind, subject }) => `${kind} ${subject}`);
  return [...wrong, ...unread].sort().join('\n');
}

export function unreadIn({ sources }: CheckDocument): string[] {
  return sources.filter(({ read }) => !read).map(({ name }) => name);
}

export type Telling = {
  document: CheckDocument;
  text: string;
  notifiers: readonly Notifier[];
  /** The last answer that each of them took, by name; kept by the caller. */
  told: Map<string, string>;
  /** Names of the sources that the look before could not read. */
  unread_before: ReadonlySet<string>;
  signal: AbortSignal;
};

/** Answers the errors of those that could not be told; the next round tries them again. */
export async function tell({ document, text, notifiers, told, unread_before, signal }: Telling): Promise<Error[]> {
  if (unreadIn(document).some((name) => !unread_before.has(name))) return [];
  const answer = answerOf(document);
  const notice: Notice = { title: `transcription-monitor: ${document.says}`, text, document };
  const failures = await Promise.all(
    notifiers.map(async (notifier) => {
      if ((told.get(notifier.name) ?? WELL) === answer) return undefined;
      try {
        await notifier.notify(notice, signal);
        told.set(notifier.name, answer);
        return undefined;
      } catch (error) {
        return error as Error;
      }
    }),
  );
  return failures.filter((failure) => failure !== undefined);
}
