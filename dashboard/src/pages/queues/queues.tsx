/** Queues */
import { Page } from '../../parts/page.tsx';

export function Queues() {
  return <Page title="Queues">{null}</Page>;
}
