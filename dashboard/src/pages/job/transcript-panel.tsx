/** The transcript beside its recording: a line that is clicked is heard, the line that is heard is marked. */
import { Anchor, Button, CopyButton, FileButton, TextInput } from '@mantine/core';
import { useVirtualizer } from '@tanstack/react-virtual';
import { lazy, memo, Suspense, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { voiceOf } from '../../../../protocol/captions.ts';
import type { Job } from '../../../../protocol/job.ts';
import { renderTranscript, type Transcript, type TranscriptSegment } from '../../../../protocol/transcript.ts';
import { NotFoundError } from '../../../../sdk/typescript/index.ts';
import { useLive } from '../../live/use-live.ts';
import { CommandLine } from '../../parts/command-line.tsx';
import { count, percent, place } from '../../parts/format.ts';
import { nameOf } from '../../parts/job-words.ts';
import { Panel } from '../../parts/panel.tsx';
import type { PlayerHandle } from './player.tsx';
import { found, outline, parts, segmentAt, unsure } from './segments.ts';
import styles from './transcript.module.css';

const Player = lazy(async () => ({ default: (await import('./player.tsx')).Player }));

const FORMATS = ['json', 'text', 'srt', 'vtt'] as const;
const EXTENSIONS = { json: 'json', text: 'txt', srt: 'srt', vtt: 'vtt' } as const;

export function TranscriptPanel({ job }: { job: Job }) {
  const { transcript, error } = useTranscript(job);
  if (job.state !== 'COMPLETED') {
    return (
      <Panel title="Transcript">
        <p className={styles.none}>
          {job.state === 'FAILED' || job.state === 'CANCELLED'
            ? 'There is none: the job did not complete.'
            : 'It appears here when the job is completed.'}
        </p>
      </Panel>
    );
  }
  return (
    <Panel title="Transcript" aside={transcript && <Downloads job={job} transcript={transcript} />}>
      <Warnings job={job} />
      {error && <Unread job={job} error={error} />}
      {!error && !transcript && (
        <p className={styles.none} aria-busy="true">
          Loading …
        </p>
      )}
      {transcript && <Body job={job} transcript={transcript} />}
    </Panel>
  );
}

function useTranscript({ job_id, state }: Job): { transcript: Transcript | null; error: Error | null } {
  const { api } = useLive();
  const [loaded, setLoaded] = useState<{ transcript: Transcript | null; error: Error | null }>({
    transcript: null,
    error: null,
  });
  const completed = state === 'COMPLETED';
  useEffect(() => {
    setLoaded({ transcript: null, error: null });
    if (!completed) return;
    const stop = new AbortController();
    api.jobs.transcript(job_id, 'json', { signal: stop.signal }).then(
      (transcript) => setLoaded({ transcript, error: null }),
      (error: Error) => {
        if (!stop.signal.aborted) setLoaded({ transcript: null, error });
      },
    );
    return () => stop.abort();
  }, [api, job_id, completed]);
  return loaded;
}

function Downloads({ job, transcript }: { job: Job; transcript: Transcript }) {
  const name = nameOf(job).replace(/\.[^.]+$/, '');
  return (
    <span className={styles.downloads}>
      <CopyButton value={renderTranscript(transcript, 'text').trimEnd()}>
        {({ copied, copy }) => (
          <Anchor component="button" type="button" inherit onClick={copy}>
            {copied ? 'Copied' : 'Copy text'}
          </Anchor>
        )}
      </CopyButton>
      {FORMATS.map((format) => (
        <Anchor
          key={format}
          href={`/api/v1/jobs/${encodeURIComponent(job.job_id)}/transcript?format=${format}`}
          download={`${name}.${EXTENSIONS[format]}`}
          inherit
          aria-label={`Download as ${format}`}
        >
          {format}
        </Anchor>
      ))}
    </span>
  );
}

/** A worker may store the transcript elsewhere, and this page loads nothing from there. */
function Unread({ job, error }: { job: Job; error: Error }) {
  const { s3_path } = job.output;
  const elsewhere = error instanceof NotFoundError && s3_path;
  return (
    <div className={styles.none}>
      <p>
        {elsewhere ? 'The worker has stored it outside of this monitor:' : `It could not be read: ${error.message}`}
      </p>
      {elsewhere && <CommandLine command={s3_path} />}
    </div>
  );
}

function Warnings({ job }: { job: Job }) {
  const { warnings, suspect } = job.output;
  if (warnings.length === 0) return null;
  return (
    <ul className={styles.warnings}>
      {suspect && <li>This can hardly be what was said:</li>}
      {warnings.map(({ code, message }) => (
        <li key={code}>
          <span className="mono">{code}</span> {message}
        </li>
      ))}
    </ul>
  );
}

/** Beyond these a recording is not decoded in the browser, and its waveform is where the transcript has speech. */
const DECODED = { bytes: 40_000_000, seconds: 1_800 };
const OUTLINE_PARTS = 400;

function Body({ job, transcript }: { job: Job; transcript: Transcript }) {
  const { segments, duration_seconds } = transcript;
  const [heard, setHeard] = useState(-1);
  const [search, setSearch] = useState('');
  const [shown, setShown] = useState(0);
  const [file, setFile] = useState<File | null>(null);
  const player = useRef<PlayerHandle>(null);
  const hits = useMemo(() => found(segments, search), [segments, search]);
  const { file_size_bytes } = job.input;
  const size = file?.size ?? file_size_bytes ?? 0;
  const long = size > DECODED.bytes || duration_seconds > DECODED.seconds;
  const peaks = useMemo(
    () => (long ? outline(segments, duration_seconds, OUTLINE_PARTS) : null),
    [long, segments, duration_seconds],
  );
  const upload = /^upload:\/\/([^/]+)\//.exec(job.input.s3_path)?.[1];
  const source = file ?? (upload ? `/api/v1/uploads/${encodeURIComponent(upload)}` : null);
  const onTime = useCallback((seconds: number) => setHeard(segmentAt(segments, seconds)), [segments]);
  const play = useCallback(
    (index: number) => {
      setHeard(index);
      player.current?.playFrom(segments[index]!.start_seconds);
    },
    [segments],
  );
  const hit = hits[shown % Math.max(1, hits.length)];
  if (segments.length === 0) return <p className={styles.none}>{transcript.text || 'Nothing was said.'}</p>;
  const doubtful = segments.filter(unsure).length;
  return (
    <>
      {source ? (
        <Suspense fallback={<div className={styles.opening} />}>
          <Player ref={player} source={source} peaks={peaks} duration_seconds={duration_seconds} onTime={onTime} />
        </Suspense>
      ) : (
        <NoSource job={job} onFile={setFile} />
      )}
      <form
        className={styles.tools}
        onSubmit={(event) => {
          event.preventDefault();
          setShown(shown + 1);
        }}
      >
        <TextInput
          value={search}
          onChange={(event) => {
            setSearch(event.currentTarget.value);
            setShown(0);
          }}
          placeholder="Search in the transcript"
          aria-label="Search in the transcript"
        />
        <span role="status">
          {search.trim() !== '' &&
            (hits.length === 0 ? 'not found' : `${(shown % hits.length) + 1} of ${hits.length}, Enter for the next`)}
        </span>
        <span className={styles.note}>
          {count(segments.length)} segments{doubtful > 0 && `, ${count(doubtful)} of low confidence underlined`}
        </span>
      </form>
      <Lines segments={segments} heard={heard} search={search} hit={hit} playable={source !== null} onPlay={play} />
    </>
  );
}

function NoSource({ job, onFile }: { job: Job; onFile: (file: File | null) => void }) {
  return (
    <div className={styles.noSource}>
      <p>
        The recording is at <span className="mono">{job.input.s3_path}</span>. This page loads nothing from elsewhere;
        to hear it beside the text, open your copy of it. It stays on this computer.
      </p>
      <FileButton onChange={onFile} accept="audio/*,video/*">
        {(props) => <Button {...props}>Open a copy …</Button>}
      </FileButton>
    </div>
  );
}

type LinesProps = {
  segments: readonly TranscriptSegment[];
  heard: number;
  search: string;
  hit: number | undefined;
  playable: boolean;
  onPlay: (index: number) => void;
};

function Lines({ segments, heard, search, hit, playable, onPlay }: LinesProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const over = useRef(false);
  const virtual = useVirtualizer({
    count: segments.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 31,
    overscan: 8,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: it follows what is heard, unless somebody reads.
  useEffect(() => {
    if (heard >= 0 && !over.current) virtual.scrollToIndex(heard, { align: 'auto' });
  }, [heard]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: it goes to what is found.
  useEffect(() => {
    if (hit !== undefined) virtual.scrollToIndex(hit, { align: 'center' });
  }, [hit]);
  return (
    <div
      className={styles.lines}
      ref={scroller}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls.
      tabIndex={0}
      role="group"
      aria-label="Segments"
      onMouseEnter={() => {
        over.current = true;
      }}
      onMouseLeave={() => {
        over.current = false;
      }}
    >
      <div style={{ height: virtual.getTotalSize(), position: 'relative' }}>
        {virtual.getVirtualItems().map(({ index, start }) => (
          <div
            key={index}
            ref={virtual.measureElement}
            data-index={index}
            className={styles.place}
            style={{ transform: `translateY(${start}px)` }}
          >
            <Line
              segment={segments[index]!}
              index={index}
              heard={index === heard}
              search={search}
              hit={index === hit}
              playable={playable}
              onPlay={onPlay}
            />
          </div>
        ))}
      </div>
    </div>
  );
}

type LineProps = {
  segment: TranscriptSegment;
  index: number;
  heard: boolean;
  search: string;
  hit: boolean;
  playable: boolean;
  onPlay: (index: number) => void;
};

const Line = memo(function Line({ segment, index, heard, search, hit, playable, onPlay }: LineProps) {
  const { start_seconds, text, confidence } = segment;
  const low = unsure(segment);
  const voice = voiceOf(segment);
  const words = parts(text, search).map((part) =>
    part.searched ? <mark key={part.at}>{part.text}</mark> : <span key={part.at}>{part.text}</span>,
  );
  const content = (
    <>
      <span className={styles.at}>{place(start_seconds)}</span>
      <span
        className={styles.text}
        dir="auto"
        data-low={low || undefined}
        title={low ? `confidence ${percent(confidence! * 100)}` : undefined}
      >
        {voice !== null && <b className={styles.voice}>{voice}: </b>}
        {words}
      </span>
    </>
  );
  if (!playable)
    return (
      <p className={styles.line} data-hit={hit || undefined}>
        {content}
      </p>
    );
  return (
    <button
      type="button"
      className={styles.line}
      data-heard={heard || undefined}
      data-hit={hit || undefined}
      aria-current={heard ? 'true' : undefined}
      onClick={() => onPlay(index)}
    >
      {content}
    </button>
  );
});
