/**
 * Progress alone: updates a second over one request each, and over WebSockets, each acknowledged; in turn, round after
 * round.
 */
import { type Entrant, inTurn } from '../race.ts';
import { median } from '../statistics.ts';

export type ProgressUpdates = {
  contender: string;
  title: string;
  /** Median of the rounds. */
  updates_per_second: number;
  /** Median of the rounds' ratios to one request per update in the same round; null without that contender. */
  ratio: number | null;
  /** Median of the rounds' ratios to another checkout's monitor doing the same; null without one. */
  beside_ratio: number | null;
  server_cpu_us: number;
  client_cpu_us: number;
};

const ONE_REQUEST_EACH = 'monitor';
const COMPARED = [ONE_REQUEST_EACH, 'monitor-websocket', 'monitor-websocket-apart'];
/** Per round, for each job of the race. */
const UPDATES = 10;

export async function measureProgressUpdates(
  all: readonly Entrant[],
  { jobs, clients, rounds }: { jobs: number; clients: number; rounds: number },
): Promise<ProgressUpdates[]> {
  const entrants = all.filter(({ contender }) => COMPARED.includes(contender.beside ?? contender.name));
  const updates = jobs * UPDATES;
  const turns = entrants.map(() => [] as { per_second: number; server_cpu_us: number; client_cpu_us: number }[]);
  for (let round = 0; round <= rounds; round++) {
    for (const entrant of inTurn(entrants, round)) {
      const { done, server_cpu_ms } = await entrant.run({ kind: 'updates', jobs: updates, clients, batch: 1 });
      const per_second = (updates / done.elapsed_ms) * 1000;
      const [server_cpu_us, client_cpu_us] = [server_cpu_ms, done.cpu_ms].map((ms) => (ms / updates) * 1000);
      // Round 0 is for the just-in-time compilers.
      if (round > 0)
        turns[entrants.indexOf(entrant)]!.push({
          per_second,
          server_cpu_us: server_cpu_us!,
          client_cpu_us: client_cpu_us!,
        });
    }
  }
  const turnsOf = (name: string | undefined) => turns[entrants.findIndex(({ contender }) => contender.name === name)];
  return entrants.map(({ contender: { name, title } }, i) => {
    const own = turns[i]!;
    return {
      contender: name,
      title,
      updates_per_second: median(own.map(({ per_second }) => per_second)),
      ratio: ratio(own, turnsOf(ONE_REQUEST_EACH)),
      beside_ratio: ratio(own, turnsOf(entrants.find(({ contender }) => contender.beside === name)?.contender.name)),
      server_cpu_us: median(own.map((turn) => turn.server_cpu_us)),
      client_cpu_us: median(own.map((turn) => turn.client_cpu_us)),
    };
  });
}

/** The median of the rounds' ratios; null without the other. */
function ratio(
  own: readonly { per_second: number }[],
  other: readonly { per_second: number }[] | undefined,
): number | null {
  return other ? median(own.map(({ per_second }, round) => per_second / other[round]!.per_second)) : null;
}
