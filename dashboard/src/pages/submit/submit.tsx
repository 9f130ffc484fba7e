/** Submit */
import { Page } from '../../parts/page.tsx';

export function Submit() {
  return <Page title="Submit">{null}</Page>;
}
