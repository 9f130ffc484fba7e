/**
 * Compares the monitor's workers with the fleet's instances, periodically and on request, and settles confirmed
 * differences. Its memory of earlier listings is lost with the process, which only delays its actions.
 */
import { MonitorError } from '../../protocol/errors.ts';
import { formatTime } from '../../protocol/time.ts';
import type { Reconciliation } from '../../protocol/worker.ts';
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine.ts';
import { newUlid } from '../ids.ts';
import { Duty } from '../maintenance/duty.ts';
import { UNREMEMBERED } from '../state-machine/apply/apply.ts';
import type { Acting } from '../state-machine/decide/actions.ts';
import type { WorkerRecord } from '../state-machine/state/records.ts';
import type { Fleet, Instance, InstanceListing } from './fleet.ts';
import { commandFor, compare, covers, type Difference, type Judged, judge, type Suspicions } from './reconcile.ts';

export type ReconcilerOptions = {
  engine: Engine;
  fleet: Fleet;
  /** What this instance can do when a policy acts. */
  acting: () => Acting;
  settings: { reconcile_ms: number; reconcile_grace_ms: number };
  clock: Clock;
  log: (level: 'info' | 'warn', message: string) => void;
};

export class Reconciler {
  readonly #options: ReconcilerOptions;
  #suspicions: Suspicions = new Map();
  /** Instances of earlier listings: a worker that claims one runs in the listed region. */
  readonly #seen = new Set<string>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  /** One comparison after the other. Throws MonitorError if the fleet cannot be listed. */
  async reconcile({ dry_run }: { dry_run: boolean }): Promise<Reconciliation> {
    const { listing } = this.#options.fleet;
    if (!listing) {
      throw new MonitorError('conflict', 'fleet_not_listed', 'this monitor has no fleet whose instances it can list', {
        hint: 'Start the monitor with --fleet ec2:LAUNCH_TEMPLATE or asg:GROUP.',
      });
    }
    const turn = this.#turn.then(() => this.#look(listing, dry_run));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** Empty if there is nothing to do periodically. */
  duties(): Duty[] {
    const { engine, fleet, settings, clock, log } = this.#options;
    const { reconcile_ms } = settings;
    if (!fleet.listing || reconcile_ms === 0) return [];
    const run = async () => {
      if (engine.journal.status.writable) await this.reconcile({ dry_run: false });
      return { again_ms: reconcile_ms };
    };
    return [new Duty({ name: 'reconciliation', clock, failure_ms: reconcile_ms, log, run })];
  }

  async #look(listing: InstanceListing, dry_run: boolean): Promise<Reconciliation> {
    const { engine, settings } = this.#options;
    const began_ms = engine.journal.now();
    const claimed = this.#workers().flatMap(({ state, instance_id }) =>
      state === 'TERMINATED' || instance_id === null ? [] : [instance_id],
    );
    const instances = await listing.list(claimed);
    const workers = this.#workers();
    const differences = compare(workers, instances, (worker) => covers(listing, this.#seen, worker));
    this.#remember(instances);
    const look = { began_ms, ended_ms: engine.journal.now() };
    const judged = judge(this.#suspicions, differences, look, settings.reconcile_grace_ms);
    this.#suspicions = judged.suspicions;
    if (!dry_run) for (const difference of judged.confirmed) await this.#settle(difference);
    const ended = (worker_id: string) => !dry_run && engine.state.worker(worker_id)?.state === 'TERMINATED';
    return documentOf(judged, dry_run, ended);
  }

  #workers(): WorkerRecord[] {
    return [...this.#options.engine.state.tables.workers.entries()].map(([, worker]) => worker);
  }

  #remember(instances: readonly Instance[]): void {
    for (const { instance_id, state } of instances) if (state !== 'ended') this.#seen.add(instance_id);
  }

  async #settle(difference: Difference): Promise<void> {
    const { engine, acting, log } = this.#options;
    const { kind, worker_id, reason } = difference;
    const body = commandFor(difference, acting());
    const id = `${UNREMEMBERED}${newUlid()}`;
    try {
      await engine.submit({ id, fingerprint: '', actor: 'monitor', body });
      log('info', `${worker_id} is ${kind}: ${reason}`);
    } catch (error) {
      // The next comparison finds it again, unless it has been settled by then.
      log('warn', `${worker_id} is ${kind}, which could not be settled: ${(error as Error).message}`);
    }
  }
}

function documentOf(
  { confirmed, unconfirmed }: Judged,
  dry_run: boolean,
  ended: (worker_id: string) => boolean,
): Reconciliation {
  const shown = ({ worker_id, instance_id, reason }: Difference) => ({ worker_id, instance_id, reason });
  const of = (kind: Difference['kind']) => confirmed.filter((one) => one.kind === kind).map(shown);
  return {
    dry_run,
    orphaned: of('orphaned').map((one) => ({ ...one, terminated: ended(one.worker_id) })),
    missing: of('missing'),
    unconfirmed: unconfirmed.map((one) => ({ kind: one.kind, ...shown(one), due_at: formatTime(one.due_ms) })),
  };
}
