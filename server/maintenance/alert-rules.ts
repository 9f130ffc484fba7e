/** The file of alert rules. */
import { MonitorError } from '../../protocol/errors.ts';
import { defaultRules, readAlertRules } from '../alerts/rules/defaults.ts';
import type { AlertRules } from '../alerts/rules/rules.ts';
import { formatProblem } from '../yaml-file.ts';
import { WatchedFile, type WatchedFileOptions } from './watched-file.ts';

export type AlertRulesFile = WatchedFile<AlertRules>;

/** `path` empty: the default rules alone. Throws MonitorError('invalid') with every problem of the file. */
export function openAlertRules({
  path,
  ...options
}: Pick<WatchedFileOptions<AlertRules>, 'path' | 'clock' | 'log'>): Promise<AlertRulesFile> {
  return WatchedFile.open<AlertRules>({
    ...options,
    name: 'alert rules',
    path,
    otherwise: defaultRules(),
    read(text) {
      const read = readAlertRules(text);
      return read.problems
        ? { problems: read.problems.map((problem) => formatProblem(path, problem)) }
        : { value: read.rules };
    },
    refuse: (problems) =>
      new MonitorError('invalid', 'bad_alert_rules', problems, {
        hint: `\`tmon alerts check ${path}\` checks the file; docs/alerts.md describes it.`,
      }),
  });
}
