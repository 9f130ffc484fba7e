/** The fleet as squares: a square's strength is its GPU use; a corner marks late, a cross lost, so that colour is not all. */
import { Link } from 'wouter';
import type { Worker } from '../../../protocol/worker.ts';
import { useLive, useRecord, useSelection } from '../live/use-live.ts';
import { lookOf, sentenceOf } from './fleet-look.ts';
import styles from './fleet-squares.module.css';
import { count } from './format.ts';

/** More are drawn small. */
const LARGE_MAX = 120;

export function FleetSquares() {
  const live = useLive();
  const ids = useSelection(live.workers, idsOf, (a, b) => a.join() === b.join());
  const looks = useSelection(live.workers, looksOf, (a, b) => JSON.stringify(a) === JSON.stringify(b));
  return (
    <>
      <div className={styles.squares} data-small={ids.length > LARGE_MAX || undefined}>
        {ids.map((id) => (
          <Square key={id} worker_id={id} />
        ))}
      </div>
      <ul className={styles.legend}>
        <li data-look="busy">{count(looks.busy)} busy, by GPU use</li>
        <li data-look="idle">{count(looks.idle)} idle</li>
        {looks.late > 0 && <li data-look="late">{count(looks.late)} late</li>}
        {looks.lost > 0 && <li data-look="lost">{count(looks.lost)} lost</li>}
        {looks.leaving > 0 && <li data-look="leaving">{count(looks.leaving)} leaving</li>}
      </ul>
    </>
  );
}

function Square({ worker_id }: { worker_id: string }) {
  const worker = useRecord(useLive().workers, worker_id);
  if (!worker) return null;
  const { look, strength } = lookOf(worker);
  const words = sentenceOf(worker);
  return (
    <Link
      href={`/workers/${encodeURIComponent(worker_id)}`}
      className={styles.square!}
      data-look={look}
      title={words}
      aria-label={words}
      style={{ '--strength': `${strength}%` } as React.CSSProperties}
    />
  );
}

const live = ({ state }: Worker) => state !== 'TERMINATED';

const idsOf = (workers: ReturnType<typeof useLive>['workers']): string[] =>
  [...workers.values()]
    .filter(live)
    .map(({ worker_id }) => worker_id)
    .sort();

function looksOf(workers: ReturnType<typeof useLive>['workers']) {
  const looks = { busy: 0, idle: 0, late: 0, lost: 0, leaving: 0 };
  for (const worker of workers.values()) if (live(worker)) looks[lookOf(worker).look] += 1;
  return looks;
}
