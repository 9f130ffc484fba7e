/**
 * `tmon top`: jobs, workers, queue and alerts, live, over one connection to the feed.
 *
 * On a terminal a full screen, drawn at most ten times a second; in a pipe one line per change.
 */
import { once } from 'node:events';
import type { Command } from 'commander';
import type { FeedEvent } from '../protocol/feed-messages.ts';
import type { TranscriptionAPI } from '../sdk/typescript/index.ts';
import { type ClientOptions, clientCommand, clientOf, shownServer } from './options.ts';
import { isTerminal, note, printJson, printLine } from './output.ts';
import { Fleet } from './top/fleet.ts';
import { lineOf } from './top/lines.ts';
import { screenOf } from './top/screen.ts';

const FRAME_MS = 100;
const RESOURCES = ['jobs', 'workers', 'queue', 'alerts', 'system'] as const;

/** q, Ctrl-C, Ctrl-D. */
const QUIT = new Set(['q', 'Q', '\u0003', '\u0004']);

const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const REST_OF_LINE = '\u001b[K';
const REST_OF_SCREEN = '\u001b[J';

export function topCommand(): Command {
  return clientCommand('top')
    .description('Show jobs, workers, queue and alerts, live, until q; in a pipe, one line per change until Ctrl-C.')
    .action(top);
}

async function top(options: ClientOptions): Promise<void> {
  if (options.json || !isTerminal()) return stream(clientOf(options), options.json === true);
  const warnings: string[] = [];
  const api = clientOf(options, { onWarning: (text) => warnings.push(text) });
  // Fails before the screen is switched.
  await api.system.health();
  const screen = new Screen(shownServer(options.server));
  try {
    await Promise.race([
      follow(api, {
        take: (event) => screen.take(event),
        away: (why) => screen.away(why),
        signal: screen.ends,
      }),
      once(screen.ends, 'abort'),
    ]);
  } finally {
    screen.end();
    for (const text of warnings) note(`tmon: ${text}`);
  }
}

async function stream(api: TranscriptionAPI, json: boolean): Promise<void> {
  await api.system.health();
  await follow(api, {
    take(event) {
      if (json) printJson(event);
      else for (const line of lineOf(event)) printLine(line);
    },
    away: (why) => note(why === undefined ? 'the monitor is back' : `the monitor is away, waiting (${why})`),
  });
}

type Taker = { take(event: FeedEvent): void; away(why: string | undefined): void; signal?: AbortSignal };

/** Follows every resource over one connection. Ends with the first that can't be followed. */
async function follow(api: TranscriptionAPI, { take, away, signal }: Taker): Promise<void> {
  const followOne = async (resource: (typeof RESOURCES)[number]) => {
    // All of them notice that the monitor is away; one reports it.
    const onAway = resource === 'jobs' ? (error: Error | null) => away(error?.message) : undefined;
    for await (const event of api.feed.follow({ resource }, { signal, onAway })) take(event);
  };
  await Promise.all(RESOURCES.map(followOne));
}

class Screen {
  readonly #server: string;
  readonly #fleet = new Fleet();
  readonly #end = new AbortController();
  #away: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(server: string) {
    this.#server = server;
    process.stdout.write(ENTER);
    process.stdout.on('resize', this.#redraw);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, this.#quit);
    if (process.stdin.isTTY) {
      process.stdin.setRawMode(true);
      process.stdin.on('data', this.#key).resume();
    }
    this.#redraw();
  }

  /** Aborts when the user quits. */
  get ends(): AbortSignal {
    return this.#end.signal;
  }

  take(event: FeedEvent): void {
    this.#fleet.apply(event);
    this.#redraw();
  }

  away(why: string | undefined): void {
    this.#away = why;
    this.#redraw();
  }

  end(): void {
    clearTimeout(this.#timer);
    process.stdout.off('resize', this.#redraw);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, this.#quit);
    if (process.stdin.isTTY) {
      process.stdin.off('data', this.#key).pause();
      process.stdin.setRawMode(false);
    }
    process.stdout.write(LEAVE);
  }

  readonly #quit = (): void => this.#end.abort();

  readonly #key = (bytes: Buffer): void => {
    if ([...bytes.toString()].some((key) => QUIT.has(key))) this.#quit();
  };

  readonly #redraw = (): void => {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#draw();
    }, FRAME_MS);
  };

  #draw(): void {
    // A terminal of unknown size reports 0.
    const size = { columns: process.stdout.columns || 80, rows: process.stdout.rows || 24 };
    const lines = screenOf(this.#fleet, size, {
      server: this.#server,
      ...(this.#away === undefined ? {} : { away: this.#away }),
    });
    process.stdout.write(HOME + lines.map((line) => line + REST_OF_LINE).join('\r\n') + REST_OF_SCREEN);
  }
}
