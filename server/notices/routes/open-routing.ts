/** Opens the notifiers of `--notify` and of the file of routes. */
import { readFile } from 'node:fs/promises';
import { parseSecrets, SECRET_HINT } from '../../../notifiers/http/signature.ts';
import { type Notifier, NotifierError, type NotifierOptions } from '../../../notifiers/notifier.ts';
import { openNotifier } from '../../../notifiers/open-notifier.ts';
import { MonitorError } from '../../../protocol/errors.ts';
import type { Settings } from '../../config.ts';
import { formatProblem } from '../../yaml-file.ts';
import { type Destination, readRoutes } from './read-routes.ts';
import { ROUTE_DEFAULTS, type Route, type Routing } from './routes.ts';

export type OpenRouting = { routing: Routing; notifiers: ReadonlyMap<string, Notifier> };

/** Throws MonitorError('invalid') with every problem. */
export async function openRouting(
  { notify, notify_routes }: Pick<Settings, 'notify' | 'notify_routes'>,
  options: NotifierOptions,
): Promise<OpenRouting> {
  const notifiers = new Map<string, Notifier>();
  const routes: Route[] = [];
  const named = await Promise.all(urlsOf(notify).map((url) => openNotifier(url, options).catch(invalid)));
  for (const notifier of named) notifiers.set(notifier.name, notifier);
  // Those are notified of everything, whatever the file says.
  if (named.length > 0) routes.push({ ...ROUTE_DEFAULTS, notify: [...notifiers.keys()], continue: true });
  if (notify_routes !== '') {
    const file = await fileOf(notify_routes, options);
    for (const [name, notifier] of file.notifiers) notifiers.set(name, notifier);
    routes.push(...file.routes);
  }
  return { routing: { routes, notifiers: new Set(notifiers.keys()) }, notifiers };
}

/** The setting has one URL a line; in the environment, spaces do as well. */
const urlsOf = (notify: string): string[] => [
  ...new Set(
    notify
      .split(/\n|\s+(?=[a-z]+:)/i)
      .map((url) => url.trim())
      .filter((url) => url !== ''),
  ),
];

async function fileOf(path: string, options: NotifierOptions) {
  const text = await readFile(path, 'utf8').catch((error: Error) =>
    badFile([`${path}: it cannot be read: ${error.message}`], path),
  );
  const read = readRoutes(text, options.environment);
  if (read.problems)
    return badFile(
      read.problems.map((problem) => formatProblem(path, problem)),
      path,
    );
  const { destinations, routes } = read.file;
  const notifiers = new Map<string, Notifier>();
  const problems: string[] = [];
  for (const destination of destinations) {
    try {
      notifiers.set(destination.name, await openOne(destination, options));
    } catch (error) {
      if (!(error instanceof NotifierError)) throw error;
      const hint = error.hint === undefined ? '' : ` (${error.hint})`;
      problems.push(`${path}: destination ${destination.name}: ${error.message}${hint}`);
    }
  }
  return problems.length > 0 ? badFile(problems, path) : { notifiers, routes };
}

async function openOne({ url, secret }: Destination, options: NotifierOptions): Promise<Notifier> {
  const keys = secret === null ? options.keys : parseSecrets(secret);
  if (keys === null) throw new NotifierError('its secret is not valid', { hint: SECRET_HINT });
  return openNotifier(url, { ...options, keys });
}

function badFile(problems: readonly string[], path: string): never {
  throw new MonitorError('invalid', 'bad_notify_routes', problems.join('; '), {
    hint: `Fix ${path}; docs/notifications.md describes it.`,
  });
}

function invalid(error: unknown): never {
  if (!(error instanceof NotifierError)) throw error;
  throw new MonitorError('invalid', 'bad_setting', `notify: ${error.message}`, { hint: error.hint });
}
