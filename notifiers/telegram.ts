/**
 * `telegram:BOT-TOKEN@CHAT-ID`: a message of a bot to a chat, group or channel. TMON_TELEGRAM_URL: the address of a bot API
 * server of your own.
 */
import { type Notice, type Notifier, NotifierError, type NotifierOptions } from './notifier.ts';
import { postJson } from './webhook.ts';

/** Telegram allows 4,096 characters after markup has been removed. */
const TITLE_MAX = 400;
const TEXT_MAX = 3_600;

export function telegramNotifier(rest: string, { environment, allow_private }: NotifierOptions): Notifier {
  const { token, chat } = /^(?<token>\d+:[\w-]{20,})@(?<chat>-?\d+|@\w+)$/.exec(rest)?.groups ?? {};
  if (token === undefined || chat === undefined) {
    throw new NotifierError('a Telegram notifier must be telegram:BOT-TOKEN@CHAT-ID', {
      hint: 'the token from @BotFather; the chat’s number, or @NAME of a public channel: telegram:123:ABC…@-100200300',
    });
  }
  const server = (environment.TMON_TELEGRAM_URL || 'https://api.telegram.org').replace(/\/$/, '');
  const name = `telegram:${token.split(':')[0]}@${chat}`;
  return {
    name,
    async notify(notice, signal) {
      const body = JSON.stringify(messageOf(notice, chat));
      await postJson(`${server}/bot${token}/sendMessage`, { name, body, allow_private, signal });
    },
  };
}

function messageOf({ title, text }: Notice, chat: string): Record<string, unknown> {
  const short = text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text;
  return {
    chat_id: /^-?\d+$/.test(chat) ? Number(chat) : chat,
    text: `<b>${plain(title.slice(0, TITLE_MAX))}</b>\n<pre>${plain(short)}</pre>`,
    parse_mode: 'HTML',
    link_preview_options: { is_disabled: true },
  };
}

const plain = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
