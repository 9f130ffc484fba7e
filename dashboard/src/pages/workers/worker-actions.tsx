/** What can be done with a worker: drain, restart, terminate. Each says what happens to its job. */
import type { Worker } from '../../../../protocol/worker.ts';
import { useLive } from '../../live/use-live.ts';
import { May, useMayAny } from '../../live/use-may.tsx';
import { ConfirmButton } from '../../parts/confirm-button.tsx';
import styles from './worker.module.css';

export function WorkerActions({ worker: { worker_id, state, current_job } }: { worker: Worker }) {
  const live = useLive();
  const mayAny = useMayAny();
  if (state === 'TERMINATED') return <div className={styles.actions} />;
  const its = current_job ? 'Its job' : 'It has no job now; one that it would claim meanwhile';
  return (
    <div className={styles.actions}>
      {state !== 'DRAINING' && mayAny('end_worker') && (
        <ConfirmButton
          label="Drain"
          title={`Drain ${worker_id}`}
          button={{ variant: 'filled' }}
          run={async () => {
            live.tookWorker(await live.api.workers.drain(worker_id));
            return { text: `${worker_id} takes no more jobs, and stops when it has finished.` };
          }}
        >
          <p>
            {current_job ? 'It finishes its job and takes no more; then it stops.' : 'It takes no more jobs and stops.'}
          </p>
          <p>Nothing is lost or done twice. This is the gentle way to stop a worker.</p>
        </ConfirmButton>
      )}
      <May do="operate">
        <ConfirmButton
          label="Restart"
          title={`Restart ${worker_id}`}
          run={async () => {
            live.tookWorker(await live.api.workers.restart(worker_id));
            return { text: `${worker_id} restarts.` };
          }}
        >
          <p>
            {its} returns to its place in the queue, and the attempt does not count. The worker then starts again and
            claims jobs.
          </p>
        </ConfirmButton>
      </May>
      <May do="end_worker">
        <ConfirmButton
          label="Terminate"
          title={`Terminate ${worker_id}`}
          danger
          run={async () => {
            live.tookWorker(await live.api.workers.terminate(worker_id));
            return { text: `${worker_id} is terminated.` };
          }}
        >
          <p>{its} returns to its place in the queue at once. The worker, and its instance if it has one, ends.</p>
          <p>Work that it has done on the job is lost: drain it if that can wait.</p>
        </ConfirmButton>
      </May>
    </div>
  );
}
