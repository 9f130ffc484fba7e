/** JobPage */
import { Page } from '../../parts/page.tsx';

export function JobPage() {
  return <Page title="JobPage">{null}</Page>;
}
