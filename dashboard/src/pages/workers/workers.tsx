/** Workers */
import { Page } from '../../parts/page.tsx';

export function Workers() {
  return <Page title="Workers">{null}</Page>;
}
