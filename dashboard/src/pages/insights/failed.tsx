/** A report that could not be loaded: why, and what to do. */
import { ApiError } from '../../../../sdk/typescript/index.ts';
import { Empty } from '../../parts/empty.tsx';
import { Panel } from '../../parts/panel.tsx';

export function Failed({ error }: { error: Error }) {
  return (
    <Panel title="Not available">
      <Empty title={error.message}>{error instanceof ApiError && error.hint && <p>{error.hint}</p>}</Empty>
    </Panel>
  );
}
