/** `teams:WORKFLOW-URL`: an Adaptive Card in a channel or chat of Microsoft Teams, through the webhook of a workflow. */
import type { Notice, Notifier, NotifierOptions } from './notifier.ts';
import { nameOf, postJson } from './webhook.ts';

/** Teams refuses a message of more than 28 KB. */
const TEXT_MAX = 8_000;
const TITLE_MAX = 1_000;

export function teamsNotifier(url: string, { allow_private }: NotifierOptions): Notifier {
  const name = `teams:${nameOf(url)}`;
  return {
    name,
    async notify(notice, signal) {
      await postJson(url, { name, body: JSON.stringify(messageOf(notice)), allow_private, signal });
    },
  };
}

function messageOf({ title, text, incident }: Notice): Record<string, unknown> {
  const color = incident.resolved ? 'Good' : incident.severity === 'critical' ? 'Attention' : 'Warning';
  const card = {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.4',
    body: [
      {
        type: 'TextBlock',
        text: plain(title.slice(0, TITLE_MAX)),
        weight: 'Bolder',
        size: 'Medium',
        wrap: true,
        color,
      },
      { type: 'TextBlock', text: plain(text.slice(0, TEXT_MAX)), fontType: 'Monospace', wrap: true },
    ],
    msteams: { width: 'Full' },
  };
  return {
    type: 'message',
    attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', contentUrl: null, content: card }],
  };
}

/** Escapes Markdown, in which cards are written: a job's name can't become a link or a mention. Keeps line breaks. */
function plain(text: string): string {
  return text
    .replace(/[\\`*_[\]()#<>~|]/g, (mark) => `\\${mark}`)
    .replace(/ {2,}/g, (spaces) => '\u00a0'.repeat(spaces.length))
    .replaceAll('\n', '\n\n');
}
