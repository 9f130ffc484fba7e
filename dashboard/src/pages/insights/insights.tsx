/** Insights */
import { Page } from '../../parts/page.tsx';

export function Insights() {
  return <Page title="Insights">{null}</Page>;
}
