/**
 * Sends one message when the verdict changes: well to wrong, wrong to well, a different set of problems, or different
 * reasons why it is unknown. A failure that merely ages out of the period that is checked changes nothing.
 *
 * An unreadable source is reported only if the next check can't read it either, and the check in between reports
 * nothing: its problems are unseen, not solved, and a short network failure should not wake anyone.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { CheckDocument } from '../protocol/check.ts';
import { parseTime } from '../protocol/time.ts';
import type { Notice, Notifier } from './notifier.ts';

/** The key of a check without problems: the assumed last message of a new notifier. */
const WELL = 'well';

/** The key of a verdict. Verdicts with the same problems have the same key, however long the problems have lasted. */
export function verdictKey(document: CheckDocument): string {
  if (document.verdict === 'well') return WELL;
  const unread = unreadIn(document).map((name) => `unread ${name}`);
  const wrong = document.problems.map(lineOf);
  const unknown = document.warnings.filter((one) => one.unknown).map(lineOf);
  return [...wrong, ...unread, ...unknown].sort().join('\n');
}

/** One line, whatever the name of the job. */
const lineOf = ({ kind, subject }: { kind: string; subject: string }): string =>
  `${kind} ${subject.replaceAll('\n', ' ')}`;

/** Adds the failures of this check, and returns the lines that stand for those now too old to be seen. */
export function agedFailures(document: CheckDocument, failures: Map<string, number>): Set<string> {
  for (const { kind, subject, at } of document.problems) {
    if (kind === 'job_failed' && at !== undefined) failures.set(subject, parseTime(at));
  }
  const since_ms = parseTime(document.since);
  return new Set(
    [...failures]
      .filter(([, ended_ms]) => ended_ms < since_ms)
      .map(([subject]) => lineOf({ kind: 'job_failed', subject })),
  );
}

function without(key: string, aged: ReadonlySet<string>): string {
  const left = key.split('\n').filter((line) => !aged.has(line));
  return left.length === 0 ? WELL : left.join('\n');
}

export function unreadIn({ sources }: CheckDocument): string[] {
  return sources.filter(({ read }) => !read).map(({ name }) => name);
}

/** Names the set of sources that are checked together. */
const sourcesHash = ({ sources }: CheckDocument): string =>
  createHash('sha256')
    .update(
      sources
        .map(({ name }) => name)
        .sort()
        .join('\n'),
    )
    .digest('hex')
    .slice(0, 16);

export type TellOptions = {
  document: CheckDocument;
  text: string;
  notifiers: readonly Notifier[];
  /** The last verdict sent, by notifier; kept by the caller. */
  sent: Map<string, string>;
  /** Names of the sources that the previous check could not read. */
  unread_before: ReadonlySet<string>;
  /** When the failures of earlier checks ended (milliseconds since 1970), by job; kept by the caller. */
  failures: Map<string, number>;
  signal: AbortSignal;
};

/** Returns the errors of failed notifiers; the next round retries them. */
export async function tell(options: TellOptions): Promise<Error[]> {
  const { document, text, notifiers, sent, unread_before, failures: failed, signal } = options;
  const aged = agedFailures(document, failed);
  if (unreadIn(document).some((name) => !unread_before.has(name))) return [];
  const key = verdictKey(document);
  const notice: Notice = {
    id: `check-${randomUUID()}`,
    title: `transcription-monitor: ${document.says}`,
    text,
    document,
    incident: {
      key: `tmon-check-${sourcesHash(document)}`,
      severity: document.verdict === 'unknown' ? 'warning' : 'critical',
      resolved: document.verdict === 'well',
      source:
        document.sources
          .map(({ name }) => name)
          .join(', ')
          .slice(0, 200) || 'transcription-monitor',
    },
  };
  const failures = await Promise.all(
    notifiers.map(async (notifier) => {
      if (without(sent.get(notifier.name) ?? WELL, aged) === key) {
        sent.set(notifier.name, key);
        return undefined;
      }
      try {
        await notifier.notify(notice, signal);
        sent.set(notifier.name, key);
        return undefined;
      } catch (error) {
        return error as Error;
      }
    }),
  );
  const left = new Set([...sent.values()].flatMap((one) => one.split('\n')));
  for (const subject of failed.keys()) if (!left.has(lineOf({ kind: 'job_failed', subject }))) failed.delete(subject);
  return failures.filter((failure) => failure !== undefined);
}
