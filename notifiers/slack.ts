/** `slack:WEBHOOK-URL`: a message to a channel through an incoming webhook. */
import type { Notifier } from './notifier.ts';
import { nameOf, postJson } from './webhook.ts';

/** Slack refuses a section with more than 3,000 characters. */
const TEXT_MAX = 2800;

export function slackNotifier(url: string): Notifier {
  const name = `slack:${nameOf(url)}`;
  return {
    name,
    async notify({ title, text }, signal) {
      const short = text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text;
      const blocks = [
        { type: 'section', text: { type: 'mrkdwn', text: `*${plain(title)}*` } },
        { type: 'section', text: { type: 'mrkdwn', text: `\`\`\`${plain(short)}\`\`\`` } },
      ];
      await postJson(url, { text: plain(title), blocks }, { name, signal });
    },
  };
}

/** Escapes markup, so that a job's name or error can't mention a channel: `<!channel>`. */
function plain(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('```', "'''");
}
