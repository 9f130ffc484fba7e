#!/usr/bin/env node
// A stand-in for whisper.cpp's whisper-cli, whose models are too large for a test. Its output is that of the real release 1.9.3
// with a model of random weights; the name of the model or of the audio selects the behaviour.
const { existsSync, statSync, writeFileSync } = require('node:fs');
const { basename } = require('node:path');

const args = process.argv.slice(2);
const after = (flag) => args[args.indexOf(flag) + 1];
const say = (...lines) => process.stderr.write(`${lines.join('\n')}\n`);
const known = ['-m', '-f', '-l', '-of', '-mc'];
const flags = args.filter((_, at) => !known.includes(args[at - 1]));
const unknown = flags.find((flag) => ![...known, '-ojf', '-pp', '-ng'].includes(flag));
if (unknown) {
  say(`error: unknown argument: ${unknown}`);
  process.exit(1);
}
const [model, audio, language, output] = known.map(after);

if (!['auto', 'en', 'de'].includes(language)) {
  say(`whisper_lang_id: unknown language '${language}'`, `error: unknown language '${language}'`, '', 'usage: …');
  process.exit(0);
}
say(`whisper_init_from_file_with_params_no_state: loading model from '${model}'`);
if (!existsSync(model)) {
  say(
    `whisper_init_from_file_with_params_no_state: failed to open '${model}'`,
    'error: failed to initialize whisper context',
  );
  process.exit(3);
}
const gpu = basename(model).includes('gpu') && !args.includes('-ng');
say('whisper_model_load: loading model', 'whisper_backend_init_gpu: device 0: CPU (type: 0)');
say(gpu ? 'whisper_backend_init_gpu: using CUDA0 backend' : 'whisper_backend_init_gpu: no GPU found');
if (basename(model).includes('huge')) {
  say(
    'ggml_backend_cuda_buffer_type_alloc_buffer: allocating 2951.33 MiB on device 0: cudaMalloc failed: out of memory',
    'whisper_model_load: failed to allocate memory for the model',
    'error: failed to initialize whisper context',
  );
  process.exit(3);
}
if (statSync(audio).size < 100) {
  say('read_audio_data: failed to read audio data', `error: failed to read audio file '${audio}'`, '');
} else {
  if (basename(audio).includes('crash')) process.abort();
  say(
    `main: processing '${audio}' (1558400 samples, 97.4 sec), 2 threads, 1 processors, 5 beams + best of 5, lang = en`,
  );
  const token = (text, p) => ({ text, id: 1, p, t_dtw: -1 });
  const times = (from, to) => ({ offsets: { from, to } });
  const transcription = [
    { ...times(100, 12680), text: ' Hello', tokens: [token(' Hello', 0.5), token('[_TT_634]', 0.0006)] },
    {
      ...times(23540, 27020),
      text: ' a "tab\t"',
      tokens: [token(' a', 0.2), token(' "tab\t"', 0.4), token('[_TT_1351]', 0)],
    },
    { ...times(81320, 104020), text: ' end', tokens: [token(' end', 1)] },
  ];
  for (const done of [' 27', ' 55', ' 83', '109']) say(`whisper_print_progress_callback: progress = ${done}%`);
  const json = JSON.stringify({ params: { model, language }, result: { language: 'en' }, transcription }, null, '\t');
  // Like the real one, escapes quotes and backslashes and nothing else.
  if (!basename(audio).includes('lost')) writeFileSync(`${output}.json`, json.replaceAll('\\t', '\t'));
}
say('', 'whisper_print_timings:     load time =    47.53 ms', 'whisper_print_timings:    total time =  5285.51 ms');
