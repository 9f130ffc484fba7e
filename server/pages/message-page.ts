/** A page of a few sentences, without the dashboard and without a script: for what a browser meets on its way to it. */
import { documentHeaders, newNonce } from './security-headers.ts';

export type Message = {
  title: string;
  /** What happened. */
  text: string;
  /** What to do next. */
  hint?: string | undefined;
  links: readonly { href: string; text: string }[];
};

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: Canvas; color: CanvasText; }
main { max-width: 34rem; padding: 2rem 1.5rem; }
h1 { font-size: 1.25rem; margin: 0 0 0.75rem; }
p { margin: 0 0 0.75rem; overflow-wrap: anywhere; }
nav { display: flex; flex-wrap: wrap; gap: 1.5rem; margin-top: 1.5rem; }
a { color: LinkText; }
`;

export function messagePage(
  { title, text, hint, links }: Message,
  host: string | undefined,
): { headers: Record<string, string>; html: string } {
  const nonce = newNonce();
  const list = links.map(({ href, text: label }) => `<a href="${escaped(href)}">${escaped(label)}</a>`).join('');
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)} · transcription-monitor</title>
<style nonce="${nonce}">${STYLE}</style>
</head>
<body><main>
<h1>${escaped(title)}</h1>
<p>${escaped(text)}</p>
${hint === undefined ? '' : `<p>${escaped(hint)}</p>`}
<nav aria-label="Next">${list}</nav>
</main></body>
</html>
`;
  return { headers: documentHeaders(nonce, host), html };
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);
