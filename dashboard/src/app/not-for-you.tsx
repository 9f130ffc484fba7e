/** In place of a page that the viewer may not see. */
import { Link } from 'wouter';
import { useLive, useValue } from '../live/use-live.ts';
import { Empty } from '../parts/empty.tsx';
import { Page } from '../parts/page.tsx';

export function NotForYou({ name }: { name: string }) {
  const session = useValue(useLive().session);
  return (
    <Page title={name}>
      <Empty title="You may not see this page">
        <p>
          {session?.tags ? 'Your key, which is limited to some jobs,' : `Your role, ${session?.role},`} does not include
          it. An administrator of this monitor can give you one that does. <Link href="/">Overview</Link>
        </p>
      </Empty>
    </Page>
  );
}
