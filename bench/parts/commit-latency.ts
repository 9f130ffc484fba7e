/** The latency of one durable write, until its response: a new job, by one client and by all concurrently. */

import type { Entrant } from '../race.ts';
import { quantile } from '../statistics.ts';

export type CommitLatency = { contender: string; clients: number; p50_ms: number; p99_ms: number };

/** Total writes per client count. */
const WRITES = 3000;

export async function measureCommitLatency(entrants: readonly Entrant[], clients: number): Promise<CommitLatency[]> {
  const rows: CommitLatency[] = [];
  for (const entrant of entrants.filter(({ contender }) => contender.kind === 'lifecycles')) {
    for (const at_a_time of [1, clients]) {
      const work = { kind: 'submits', jobs: WRITES, clients: at_a_time, batch: 1 } as const;
      const { done } = await entrant.run(work);
      rows.push({
        contender: entrant.contender.name,
        clients: at_a_time,
        p50_ms: quantile(done.latencies_ms, 0.5),
        p99_ms: quantile(done.latencies_ms, 0.99),
      });
    }
  }
  return rows;
}
