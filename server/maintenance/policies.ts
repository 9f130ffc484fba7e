/** The file of policies. */
import { MonitorError } from '../../protocol/errors.ts';
import { defaultPolicies, readPolicies } from '../policies/defaults.ts';
import type { Policies } from '../policies/policies.ts';
import { formatProblem } from '../yaml-file.ts';
import { WatchedFile, type WatchedFileOptions } from './watched-file.ts';

export type PoliciesFile = WatchedFile<Policies>;

/** `path` empty: the default policies alone. Throws MonitorError('invalid') with every problem of the file. */
export function openPolicies({
  path,
  ...options
}: Pick<WatchedFileOptions<Policies>, 'path' | 'clock' | 'log'>): Promise<PoliciesFile> {
  return WatchedFile.open<Policies>({
    ...options,
    name: 'policies',
    path,
    otherwise: defaultPolicies(),
    read(text) {
      const read = readPolicies(text);
      return read.problems
        ? { problems: read.problems.map((problem) => formatProblem(path, problem)) }
        : { value: read.policies };
    },
    refuse: (problems) =>
      new MonitorError('invalid', 'bad_policies', problems, {
        hint: `\`tmon policies check ${path}\` checks the file; docs/policies.md describes it.`,
      }),
  });
}
