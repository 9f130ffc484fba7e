/** `mailto:a@example.com,b@example.com`: a mail through the SMTP server of TMON_SMTP_URL, from TMON_SMTP_FROM. */
import { hostname } from 'node:os';
import { NOTIFY_WITHIN_MS, type Notifier, NotifierError } from './notifier.ts';

export async function mailNotifier(url: string, environment: Record<string, string | undefined>): Promise<Notifier> {
  const to = decodeURIComponent(url.slice('mailto:'.length).split('?')[0] ?? '');
  const addresses = to.split(',').map((one) => one.trim());
  if (!addresses.every((one) => /^[^\s@<>]+@[^\s@<>]+$/.test(one))) {
    throw new NotifierError(`no mail address in ${JSON.stringify(url)}`, {
      hint: '--notify mailto:ops@example.com',
    });
  }
  const server = environment.TMON_SMTP_URL;
  if (!server || !/^smtps?:\/\//.test(server)) {
    throw new NotifierError('TMON_SMTP_URL is not the URL of an SMTP server', {
      hint: 'TMON_SMTP_URL=smtps://USER:PASSWORD@smtp.example.com (or smtp://HOST:587)',
    });
  }
  const from = environment.TMON_SMTP_FROM || `transcription-monitor@${hostname()}`;
  const { createTransport } = await import('nodemailer');
  return {
    name: `mailto:${addresses.join(',')}`,
    async notify({ id, title, text }, signal) {
      signal.throwIfAborted();
      // Not pooled: a mail is sent at most a few times a day.
      const transport = createTransport({
        url: server,
        connectionTimeout: NOTIFY_WITHIN_MS,
        greetingTimeout: NOTIFY_WITHIN_MS,
        socketTimeout: NOTIFY_WITHIN_MS,
      });
      const stop = () => transport.close();
      signal.addEventListener('abort', stop, { once: true });
      try {
        // The same id for each try, by which mail systems drop a second copy.
        await transport.sendMail({
          messageId: `<${id}@transcription-monitor>`,
          from,
          to: addresses,
          subject: title,
          text,
        });
      } catch (error) {
        const { host } = new URL(server);
        throw new NotifierError(`${addresses.join(', ')} was not notified: ${host}: ${(error as Error).message}`, {
          hint: 'check TMON_SMTP_URL, and TMON_SMTP_FROM if the server restricts senders',
          cause: error,
        });
      } finally {
        signal.removeEventListener('abort', stop);
        transport.close();
      }
    },
  };
}
