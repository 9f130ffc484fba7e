/** Reads a file of routes and checks what its schema cannot: destinations, matchers, durations, variables. */
import { parseMatcher } from '../../../protocol/alert-labels.ts';
import { parseDuration } from '../../../protocol/alert-rules.ts';
import { DESTINATION_PATTERN, NotifyRoutesFile } from '../../../protocol/notify-routes.ts';
import { type FileProblem, type Path, type Report, readYaml, suggestion } from '../../yaml-file.ts';
import { ROUTE_DEFAULTS, type Route } from './routes.ts';

export type Destination = { name: string; url: string; secret: string | null };

export type RoutesFile = { destinations: readonly Destination[]; routes: readonly Route[] };

export type ReadRoutes = { file: RoutesFile; problems?: undefined } | { problems: FileProblem[]; file?: undefined };

export function readRoutes(text: string, environment: Record<string, string | undefined>): ReadRoutes {
  let file: RoutesFile | undefined;
  const read = readYaml(text, NotifyRoutesFile, ({ destinations = {}, routes = [] }, report) => {
    const named = Object.entries(destinations).map(([name, { url, secret }]): Destination => {
      const path = ['destinations', name];
      if (!new RegExp(DESTINATION_PATTERN).test(name)) {
        report(path, `${JSON.stringify(name)} is not a name: lower-case letters, digits, _ and -`, 'key');
      }
      return {
        name,
        url: filled(url, environment, (message) => report([...path, 'url'], message)),
        secret:
          secret === undefined ? null : filled(secret, environment, (message) => report([...path, 'secret'], message)),
      };
    });
    const names = named.map(({ name }) => name);
    file = {
      destinations: named,
      routes: routes.map((route, index) => routeOf(route, names, ['routes', index], report)),
    };
  });
  return read.problems ? { problems: read.problems } : { file: file! };
}

type Entry = NonNullable<NotifyRoutesFile['routes']>[number];

function routeOf(entry: Entry, names: readonly string[], path: Path, report: Report): Route {
  for (const [index, name] of entry.notify.entries()) {
    if (names.includes(name)) continue;
    report([...path, 'notify', index], `there is no destination ${JSON.stringify(name)}${suggestion(name, names)}`);
  }
  const match = (entry.match ?? []).flatMap((text, index) => {
    try {
      return [parseMatcher(text)];
    } catch (error) {
      report([...path, 'match', index], (error as Error).message);
      return [];
    }
  });
  const duration = (name: 'group_wait' | 'group_interval' | 'repeat_interval', fallback_ms: number): number => {
    const value = entry[name];
    if (value === undefined) return fallback_ms;
    const seconds = parseDuration(value);
    if (seconds === null)
      report([...path, name], `${JSON.stringify(value)} is not a duration like 90s, 30m, 12h or 7d`);
    return Math.round((seconds ?? 0) * 1000);
  };
  const { group_by = ROUTE_DEFAULTS.group_by, send_resolved = true, notify } = entry;
  return {
    match,
    notify: [...new Set(notify)],
    group_by: [...new Set(group_by)],
    group_wait_ms: duration('group_wait', ROUTE_DEFAULTS.group_wait_ms),
    group_interval_ms: duration('group_interval', ROUTE_DEFAULTS.group_interval_ms),
    repeat_interval_ms: duration('repeat_interval', ROUTE_DEFAULTS.repeat_interval_ms),
    send_resolved,
    continue: entry.continue ?? false,
  };
}

/** Replaces `${NAME}` by the variable of the environment, so that secrets need not be in the file. */
function filled(
  text: string,
  environment: Record<string, string | undefined>,
  report: (message: string) => void,
): string {
  return text.replace(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_, name: string) => {
    const value = environment[name];
    if (value === undefined || value === '') report(`the environment has no variable ${name}`);
    return value ?? '';
  });
}
