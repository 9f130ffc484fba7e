/** `sns:ARN`: a message to a topic. Subscribers by e-mail read the text. */
import { NOTIFY_WITHIN_MS, type Notifier, NotifierError } from './notifier.ts';

const ARN = /^arn:aws[\w-]*:sns:([a-z0-9-]+):(\d{12}):([\w.-]+)$/;
/** SNS accepts 256 KiB; a subject has fewer than 100 ASCII characters and no control characters. */
const MESSAGE_MAX_BYTES = 200_000;
const SUBJECT_MAX = 99;

export async function snsNotifier(arn: string): Promise<Notifier> {
  const [, region] = ARN.exec(arn) ?? [];
  if (region === undefined) {
    throw new NotifierError(`not a topic ARN: ${JSON.stringify(arn)}`, {
      hint: '--notify sns:arn:aws:sns:REGION:ACCOUNT:TOPIC (aws sns list-topics)',
    });
  }
  const { PublishCommand, SNSClient } = await import('@aws-sdk/client-sns');
  const client = new SNSClient({ region, maxAttempts: 3, requestHandler: { connectionTimeout: 3000 } });
  return {
    name: `sns:${arn}`,
    async notify({ id, title, text }, signal) {
      const fifo = arn.endsWith('.fifo') ? { MessageGroupId: 'transcription-monitor', MessageDeduplicationId: id } : {};
      const publish = new PublishCommand({ TopicArn: arn, Subject: subjectOf(title), Message: cut(text), ...fifo });
      const abortSignal = AbortSignal.any([signal, AbortSignal.timeout(NOTIFY_WITHIN_MS)]);
      try {
        await client.send(publish, { abortSignal });
      } catch (error) {
        const { name, message } = error as Error;
        const missing = name === 'NotFoundException' || name === 'NotFound';
        const why = missing ? 'the topic does not exist' : `${name}: ${message}`;
        throw new NotifierError(`sns:${arn} was not notified: ${why}`, {
          hint: missing
            ? `aws sns create-topic --region ${region} --name ${arn.split(':').at(-1)}`
            : 'allow sns:Publish on it; aws sts get-caller-identity shows the identity in use',
          cause: error,
        });
      }
    },
  };
}

function subjectOf(title: string): string {
  return (
    title
      .replace(/[^\x21-\x7e]+/g, ' ')
      .trim()
      .slice(0, SUBJECT_MAX) || 'transcription-monitor'
  );
}

function cut(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= MESSAGE_MAX_BYTES) return text;
  return `${bytes.subarray(0, MESSAGE_MAX_BYTES).toString('utf8')}\n…`;
}
