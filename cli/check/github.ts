/**
 * A check as annotations of a GitHub Actions run.
 * https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
 */
import type { CheckDocument } from '../../protocol/check.ts';
import { HEADS } from '../../sources/check/report.ts';

/** GitHub shows ten of each kind in a step. */
const SHOWN_MAX = 10;

export function githubOf({ verdict, says, problems, warnings, sources }: CheckDocument): string {
  const unread = sources.flatMap(({ name, error }) =>
    error ? [{ title: `UNREAD ${name}`, text: error.message }] : [],
  );
  const errors = [
    ...problems.map((one) => ({ title: `${HEADS[one.kind]} ${one.subject}`, text: one.says })),
    ...unread,
    ...warnings
      .filter(({ unknown }) => unknown)
      .map(({ subject, says: text }) => ({ title: `UNKNOWN ${subject}`, text })),
  ];
  const notes = warnings.filter(({ unknown }) => !unknown).map(({ subject, says: text }) => ({ title: subject, text }));
  return [
    ...annotations('error', errors),
    ...annotations('warning', notes),
    ...(verdict === 'well' ? annotations('notice', [{ title: 'Transcription', text: says }]) : [escaped(says)]),
  ].join('\n');
}

function annotations(kind: 'error' | 'warning' | 'notice', all: readonly { title: string; text: string }[]): string[] {
  const shown = all.length > SHOWN_MAX ? all.slice(0, SHOWN_MAX - 1) : all;
  const lines = shown.map(({ title, text }) => `::${kind} title=${property(title)}::${escaped(text)}`);
  if (shown.length < all.length) lines.push(`::${kind} title=Transcription::and ${all.length - shown.length} more`);
  return lines;
}

const escaped = (text: string): string => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');

const property = (text: string): string => escaped(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
