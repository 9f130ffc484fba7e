/** `slack:WEBHOOK-URL`: a message to a channel through an incoming webhook. */
import type { SectionBlock } from '@slack/types';
import type { Notifier, NotifierOptions } from './notifier.ts';
import { nameOf, postJson } from './webhook.ts';

/** Slack refuses a section with more than 3,000 characters. */
const TEXT_MAX = 2800;

export function slackNotifier(url: string, { allow_private }: NotifierOptions): Notifier {
  const name = `slack:${nameOf(url)}`;
  return {
    name,
    async notify({ title, text }, signal) {
      const short = text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text;
      const blocks: SectionBlock[] = [
        { type: 'section', text: { type: 'mrkdwn', text: cut(`*${plain(title)}`, '*') } },
        { type: 'section', text: { type: 'mrkdwn', text: cut(`\`\`\`${plain(short)}`, '```') } },
      ];
      const body = JSON.stringify({ text: cut(plain(title)), blocks });
      await postJson(url, { name, body, allow_private, signal });
    },
  };
}

/** Escapes markup, so that a job's name or error can't mention a channel: `<!channel>`. */
function plain(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('```', "'''");
}

/** Escaping makes text longer. */
function cut(text: string, end = ''): string {
  const max = 3000 - end.length;
  return text.length > max ? `${text.slice(0, max - 1).replace(/&[a-z]{0,3}$/, '')}…${end}` : `${text}${end}`;
}
