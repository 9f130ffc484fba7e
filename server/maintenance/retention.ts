/** The file of retention rules. */
import { MonitorError } from '../../protocol/errors.ts';
import { KEEP_ALL, type RetentionRules, readRetention } from '../erasure/retention.ts';
import { formatProblem } from '../yaml-file.ts';
import { WatchedFile, type WatchedFileOptions } from './watched-file.ts';

export type RetentionRulesFile = WatchedFile<RetentionRules>;

/** `path` empty: every job is kept. Throws MonitorError('invalid') with every problem of the file. */
export function openRetention({
  path,
  ...options
}: Pick<WatchedFileOptions<RetentionRules>, 'path' | 'clock' | 'log'>): Promise<RetentionRulesFile> {
  return WatchedFile.open<RetentionRules>({
    ...options,
    name: 'retention rules',
    path,
    otherwise: KEEP_ALL,
    read(text) {
      const read = readRetention(text);
      return read.problems
        ? { problems: read.problems.map((problem) => formatProblem(path, problem)) }
        : { value: read.rules };
    },
    refuse: (problems) =>
      new MonitorError('invalid', 'bad_retention', problems, { hint: 'docs/erasure.md describes the file.' }),
  });
}
