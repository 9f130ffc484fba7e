/** The command line of `npm run bench`. */
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

export const PARTS = ['race', 'updates', 'latency', 'cold-start', 'memory', 'feed', 'archive'] as const;
export type Part = (typeof PARTS)[number];

export type Options = {
  lifecycles: number;
  clients: number;
  batch: number;
  rounds: number;
  subscribers: number;
  /** Jobs that the part `archive` finishes. */
  finished: number;
  only: string[];
  /** Another checkout, whose monitor takes part too; null if none. */
  beside: string | null;
  json: string | null;
  folder: string;
};

const HELP = `\
npm run bench -- [NAME …] [--lifecycles N] [--clients N] [--batch N] [--rounds N] [--subscribers N] [--finished N] [--beside CHECKOUT] [--json FILE] [--dir FOLDER]

  --lifecycles   jobs a contender and round                     (3200)
  --clients      concurrent clients of each contender           (64)
  --batch        jobs a request, where many go in one           (50)
  --rounds       counted rounds, after one to warm up           (7)
  --subscribers  of the live feed                               (1000)
  NAME, --only   contenders and parts, by name: monitor, monitor-websocket, monitor-websocket-apart, monitor-batches, bullmq-always, bullmq-always-apart,
                 bullmq-everysec, bullmq-always-batches, job-status-table; race, updates, latency, cold-start, memory, feed, archive
  --finished     jobs that are finished and archived            (30000)
  --beside       another checkout of this project, with its packages installed: its monitor takes part in the race, in progress
                 updates and commit latency, and the ratio of this one to it is printed
  curves         instead: how operations grow with the number of waiting jobs [--jobs 1000,10000,…] [--runs 40]
  --json         also write every figure to this file
  --dir          where the servers keep their data while they are measured: a folder on a real disk (${tmpdir()})
`;

/** Prints the help and exits if it is requested; throws if an option is invalid. */
export function readOptions(): Options {
  const text = { type: 'string' } as const;
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      lifecycles: text,
      clients: text,
      batch: text,
      rounds: text,
      subscribers: text,
      finished: text,
      only: text,
      beside: text,
      json: text,
      dir: text,
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    process.exit(0);
  }
  const count = (
    name: 'lifecycles' | 'clients' | 'batch' | 'rounds' | 'subscribers' | 'finished',
    fallback: number,
  ): number => {
    const text = values[name];
    if (text === undefined) return fallback;
    if (!/^[1-9]\d{0,6}$/.test(text)) throw new Error(`--${name} is ${text}; it takes a whole number from 1`);
    return Number(text);
  };
  return {
    lifecycles: count('lifecycles', 3200),
    clients: count('clients', 64),
    batch: count('batch', 50),
    rounds: count('rounds', 7),
    subscribers: count('subscribers', 1000),
    finished: count('finished', 30_000),
    only: [...positionals, ...(values.only === undefined ? [] : values.only.split(','))],
    beside: values.beside === undefined ? null : resolve(values.beside),
    json: values.json ?? null,
    folder: values.dir ?? tmpdir(),
  };
}
