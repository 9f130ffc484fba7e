/** Builds the page into dist/, which the monitor serves; `npm run dev -w dashboard` serves the sources beside a monitor on 8080. */
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import { compressedCopies } from './build/compressed-copies.ts';

const MONITOR = process.env.TMON_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [react(), compressedCopies()],
  // The monitor replaces it by the nonce of each response.
  html: { cspNonce: '__CSP_NONCE__' },
  build: {
    target: 'es2022',
    // A data: URL would need an exception in the policy.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rolldownOptions: {
      output: {
        codeSplitting: {
          // Few files: each costs its headers, and what is shared compresses better together.
          groups: [
            { name: 'react', test: /node_modules\/(react|react-dom|scheduler|wouter)\// },
            {
              name: 'mantine',
              test: /node_modules\/(@mantine|@floating-ui|react-remove-scroll|clsx)/,
              minShareCount: 14,
              priority: 2,
            },
            { name: 'parts', test: /dashboard\/src\/(parts|live|app)\/(?!chart)/, minShareCount: 3 },
          ],
        },
      },
    },
  },
  server: {
    // With the origin of the monitor, which refuses others.
    proxy: {
      '/api': { target: MONITOR, changeOrigin: true, headers: { origin: MONITOR } },
      '/ws': { target: MONITOR, changeOrigin: true, headers: { origin: MONITOR }, ws: true },
    },
  },
});
