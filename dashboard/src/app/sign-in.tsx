/** Asks for a key, if the monitor has keys and this browser has no session. */
import { lazy, type ReactNode, Suspense } from 'react';
import { mayEnter } from '../live/live.ts';
import { useLive, useValue } from '../live/use-live.ts';

const SignInForm = lazy(async () => ({ default: (await import('./sign-in-form.tsx')).SignInForm }));

/** What is inside is drawn once it is known that it may be. */
export function SignedIn({ children }: { children: ReactNode }) {
  const session = useValue(useLive().session);
  if (session === null) return <div aria-busy="true" />;
  if (mayEnter(session)) return children;
  return (
    <Suspense>
      <SignInForm />
    </Suspense>
  );
}
