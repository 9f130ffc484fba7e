/** Opens the notifiers of `--notify` and of the file of routes, which is read again when it changes. */
import { parseSecrets, SECRET_HINT } from '../../../notifiers/http/signature.ts';
import { type Notifier, NotifierError, type NotifierOptions } from '../../../notifiers/notifier.ts';
import { openNotifier } from '../../../notifiers/open-notifier.ts';
import { MonitorError } from '../../../protocol/errors.ts';
import type { Settings } from '../../config.ts';
import { type Contents, WatchedFile, type WatchedFileOptions } from '../../maintenance/watched-file.ts';
import { formatProblem } from '../../yaml-file.ts';
import { type Destination, readRoutes } from './read-routes.ts';
import { ROUTE_DEFAULTS, type Route, type Routing } from './routes.ts';

export type OpenRouting = { routing: Routing; notifiers: ReadonlyMap<string, Notifier> };

export type RoutingOptions = Pick<WatchedFileOptions<OpenRouting>, 'clock' | 'log'> & {
  notifier_options: NotifierOptions;
};

/** Throws MonitorError('invalid') with every problem. */
export async function openRouting(
  { notify, notify_routes: path }: Pick<Settings, 'notify' | 'notify_routes'>,
  { clock, log, notifier_options }: RoutingOptions,
): Promise<WatchedFile<OpenRouting>> {
  const named = await Promise.all(urlsOf(notify).map((url) => openNotifier(url, notifier_options).catch(invalid)));
  const always = new Map(named.map((notifier) => [notifier.name, notifier]));
  // Those are notified of everything, whatever the file says.
  const routes: Route[] = named.length === 0 ? [] : [{ ...ROUTE_DEFAULTS, notify: [...always.keys()], continue: true }];
  const otherwise = { routing: { routes, notifiers: new Set(always.keys()) }, notifiers: always };
  return WatchedFile.open<OpenRouting>({
    name: 'routes of notifications',
    path,
    clock,
    log,
    otherwise,
    async read(text) {
      const file = await openFile(text, path, notifier_options);
      if (file.problems) return file;
      const notifiers = new Map([...always, ...file.value.notifiers]);
      const all = [...routes, ...file.value.routes];
      return { value: { routing: { routes: all, notifiers: new Set(notifiers.keys()) }, notifiers } };
    },
    refuse: (problems) =>
      new MonitorError('invalid', 'bad_notify_routes', problems, {
        hint: `Fix ${path}; docs/notifications.md describes it.`,
      }),
  });
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

type Opened = { notifiers: ReadonlyMap<string, Notifier>; routes: readonly Route[] };

async function openFile(text: string, path: string, options: NotifierOptions): Promise<Contents<Opened>> {
  const read = readRoutes(text, options.environment);
  if (read.problems) return { problems: read.problems.map((problem) => formatProblem(path, problem)) };
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
  return problems.length > 0 ? { problems } : { value: { notifiers, routes } };
}

async function openOne({ url, secret }: Destination, options: NotifierOptions): Promise<Notifier> {
  const keys = secret === null ? options.keys : parseSecrets(secret);
  if (keys === null) throw new NotifierError('its secret is not valid', { hint: SECRET_HINT });
  return openNotifier(url, { ...options, keys });
}

function invalid(error: unknown): never {
  if (!(error instanceof NotifierError)) throw error;
  throw new MonitorError('invalid', 'bad_setting', `notify: ${error.message}`, { hint: error.hint });
}
