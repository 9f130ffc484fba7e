/** Starts the page. */
// The first import: it declares the lowest layer.
import './app/tokens.css';
import '@mantine/core/styles.layer.css';
import '@mantine/notifications/styles.layer.css';
import '@fontsource-variable/inter';
import '@fontsource-variable/jetbrains-mono';
import { MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { documentNonce, publishNonce } from './app/nonce.ts';
import { Shell } from './app/shell.tsx';
import { SignedIn } from './app/sign-in.tsx';
import { cssVariables, theme } from './app/theme.ts';
import { startLive } from './live/live.ts';
import { LiveContext } from './live/use-live.ts';

publishNonce();
const live = startLive(window.location.origin);

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <MantineProvider
      theme={theme}
      defaultColorScheme="auto"
      cssVariablesResolver={cssVariables}
      getStyleNonce={documentNonce}
    >
      <LiveContext value={live}>
        <Notifications position="bottom-right" limit={4} />
        <SignedIn>
          <Shell />
        </SignedIn>
      </LiveContext>
    </MantineProvider>
  </StrictMode>,
);
