// A recogniser that does not check its writes, as whisper-cli and many scripts don't, and ends with 0. Its text has a word
// for each second of a WAV of 16 s, the last one `the-end`, and padding, so that the output takes some blocks of the disk.
//
//     recogniser.cjs whisper FILLER … -f AUDIO … -of OUTPUT    as whisper-cli
//     recogniser.cjs text|json FILLER AUDIO OUTPUT
const { closeSync, openSync, rmSync, statSync, writeSync } = require('node:fs');

const [form, filler, ...args] = process.argv.slice(2);
const after = (flag) => args[args.indexOf(flag) + 1];
if (filler !== '') rmSync(filler, { force: true });

const WORDS = 16;
const audio = form === 'whisper' ? after('-f') : args[0];
// What is not converted is read whole.
const heard = form === 'whisper' ? Math.floor((statSync(audio).size - 44) / 32000 + 0.5) : WORDS;
const words = Array.from({ length: heard }, (_, at) => (at === WORDS - 1 ? 'the-end' : `word-${at}`));
const padding = '-'.repeat(20_000);

const segments = words.map((word, at) =>
  form === 'whisper'
    ? { offsets: { from: at * 1000, to: at * 1000 + 900 }, text: ` ${word}`, tokens: [{ text: padding, p: 0.5 }] }
    : { start: at, end: at + 0.9, text: word, padding },
);
const written =
  form === 'text'
    ? words.map((word) => `${padding} ${word}`).join('\n')
    : JSON.stringify(form === 'whisper' ? { result: { language: 'en' }, transcription: segments } : { segments });

try {
  const file = openSync(form === 'whisper' ? `${after('-of')}.json` : args[1], 'w');
  const bytes = Buffer.from(written);
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, Math.min(4096, bytes.length - at));
  } catch {
    // The rest is lost, and nothing says so.
  }
  closeSync(file);
} catch {
  // Nothing was written at all.
}
