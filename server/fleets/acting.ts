/**
 * What policies decided and a machine has to do: starts, restarts and ends workers on the fleet, and records the outcome. Each is
 * tried once: a failure is recorded, and never repeated in a loop.
 *
 * The instance that decided does it; another one if nothing was heard of it for OTHERS_MS, because it has been restarted.
 */
import type { WorkerLaunch } from '../../protocol/worker.ts';
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine.ts';
import { newId, newUlid } from '../ids.ts';
import { Duty } from '../maintenance/duty.ts';
import { UNREMEMBERED } from '../state-machine/apply/apply.ts';
import type { Acting } from '../state-machine/decide/actions.ts';
import type { CommandBody } from '../state-machine/decide/commands.ts';
import type { ActionRecord } from '../state-machine/state/actions.ts';
import type { Fleet, Member } from './fleet.ts';

const LOOK_MS = 500;
const OTHERS_MS = 60_000;
/** Workers that one tick may launch. */
const LAUNCHES = 8;

export type FleetActionsOptions = {
  engine: Engine;
  fleet: Fleet;
  /** Name of this instance. */
  instance: string;
  clock: Clock;
  log: (level: 'info' | 'warn', message: string) => void;
};

export class FleetActions {
  readonly #options: FleetActionsOptions;

  constructor(options: FleetActionsOptions) {
    this.#options = options;
  }

  /** What a decision has to know of this instance. */
  acting(): Acting {
    const { fleet, instance } = this.#options;
    const worker_ids = Array.from({ length: LAUNCHES }, () => newId('worker'));
    return { by: instance, ...(fleet.machines ? { fleet: fleet.machines, worker_ids } : {}) };
  }

  duty(): Duty {
    const { clock, log } = this.#options;
    return new Duty({
      name: 'actions of policies',
      clock,
      failure_ms: LOOK_MS,
      log,
      run: async () => {
        await this.runOnce();
        return { again_ms: LOOK_MS };
      },
    });
  }

  /** Does what is pending. */
  async runOnce(): Promise<void> {
    const { engine, instance } = this.#options;
    if (!engine.journal.status.writable) return;
    const { actions, pending_actions } = engine.state.tables;
    for (const ordinal of [...pending_actions.keys()]) {
      const action = actions.get(ordinal);
      if (!action) continue;
      if (action.by !== instance && engine.journal.now() - action.at_ms < OTHERS_MS) continue;
      await this.#do(action);
    }
  }

  async #do(action: ActionRecord): Promise<void> {
    const { log } = this.#options;
    let [done, details] = [true, ''];
    try {
      details = await this.#onFleet(action);
    } catch (error) {
      done = false;
      details = error instanceof Error ? error.message : String(error);
      log('warn', `policy ${action.policy}: ${action.action} failed: ${details}`);
    }
    await this.#submit({ type: 'settle_action', ordinal: action.ordinal, done, details });
  }

  /** Returns what was done, for people. */
  async #onFleet({ action, worker_id, launched_worker_id }: ActionRecord): Promise<string> {
    const { fleet, engine } = this.#options;
    const worker = worker_id === null ? undefined : engine.state.worker(worker_id);
    const member: Member | null = worker ? { worker_id: worker.worker_id, instance_id: worker.instance_id } : null;
    switch (action) {
      case 'launch_worker':
        return this.#launch(launched_worker_id!);
      case 'replace_worker': {
        // A machine that is gone is no reason not to start another one.
        const ended = member !== null && (await fleet.terminate(member, { replace: true }));
        const left = ended ? `ended the machine of ${worker_id}` : `found no machine of ${worker_id}`;
        return launched_worker_id === null ? left : `${left}, ${await this.#launch(launched_worker_id)}`;
      }
      case 'restart_worker': {
        const restarted = member !== null && (await fleet.restart(member));
        return restarted ? `restarts ${worker_id}` : `found no machine of ${worker_id}: it restarts by itself`;
      }
      default: {
        if (member === null || !(await fleet.terminate(member))) throw new Error(`there is no machine of ${worker_id}`);
        return `ended the machine of ${worker_id}`;
      }
    }
  }

  async #launch(worker_id: string): Promise<string> {
    const { fleet, engine } = this.#options;
    const worker = engine.state.worker(worker_id);
    if (worker?.state !== 'STARTING') return `${worker_id} has come already`;
    const launch: WorkerLaunch = { capabilities: worker.capabilities as NonNullable<WorkerLaunch['capabilities']> };
    const placement = await fleet.launch(worker_id, launch).catch(async (error: unknown) => {
      const reason = `not launched: ${error instanceof Error ? error.message : String(error)}`;
      await this.#submit({ type: 'terminate_worker', worker_id, reason });
      throw error;
    });
    if (placement) await this.#submit({ type: 'place_worker', worker_id, ...placement });
    return `launched ${worker_id}`;
  }

  #submit(body: CommandBody): Promise<unknown> {
    return this.#options.engine.submit({ id: `${UNREMEMBERED}${newUlid()}`, fingerprint: '', actor: 'monitor', body });
  }
}
