/**
 * Sends one message when the verdict changes: well to wrong, wrong to well, or another set of problems.
 *
 * An unreadable source is reported only if the next check can't read it either, and the check in between reports
 * nothing: its problems are unseen, not solved, and a short network failure should not wake anyone.
 */
import type { CheckDocument } from '../protocol/check.ts';
import type { Notice, Notifier } from './notifier.ts';

/** The key of a check without problems: the assumed last message of a new notifier. */
const WELL = 'well';

/** Two verdicts with the same key are the same: it has the problems, not their duration. */
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
  /** The last verdict sent, by notifier; kept by the caller. */
  sent: Map<string, string>;
  /** Names of the sources that the previous check could not read. */
  unread_before: ReadonlySet<string>;
  signal: AbortSignal;
};

/** Returns the errors of failed notifiers; the next round retries them. */
export async function tell({ document, text, notifiers, sent, unread_before, signal }: Telling): Promise<Error[]> {
  if (unreadIn(document).some((name) => !unread_before.has(name))) return [];
  const answer = answerOf(document);
  const notice: Notice = { title: `transcription-monitor: ${document.says}`, text, document };
  const failures = await Promise.all(
    notifiers.map(async (notifier) => {
      if ((sent.get(notifier.name) ?? WELL) === answer) return undefined;
      try {
        await notifier.notify(notice, signal);
        sent.set(notifier.name, answer);
        return undefined;
      } catch (error) {
        return error as Error;
      }
    }),
  );
  return failures.filter((failure) => failure !== undefined);
}
