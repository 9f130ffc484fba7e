/** The recording, as a waveform that plays. Loaded with the first transcript, not with the page. */
import { ActionIcon, useComputedColorScheme } from '@mantine/core';
import { useEffect, useImperativeHandle, useRef, useState } from 'react';
import WaveSurfer from 'wavesurfer.js';
import { documentNonce } from '../../app/nonce.ts';
import { place } from '../../parts/format.ts';
import { Icon } from '../../parts/icon.tsx';
import styles from './player.module.css';

export type PlayerHandle = { playFrom: (seconds: number) => void; toggle: () => void };

type Props = {
  /** An address of the monitor, or a file of this computer. */
  source: string | Blob;
  /** Drawn instead of the decoded recording, for long ones: 0 to 1. */
  peaks: readonly number[] | null;
  duration_seconds: number | null;
  ref: React.Ref<PlayerHandle>;
  onTime: (seconds: number) => void;
};

export function Player({ source, peaks, duration_seconds, ref, onTime }: Props) {
  const scheme = useComputedColorScheme('dark');
  const place_ = useRef<HTMLDivElement>(null);
  const surfer = useRef<WaveSurfer | null>(null);
  const [playing, setPlaying] = useState(false);
  const [time, setTime] = useState(0);
  const [length, setLength] = useState(duration_seconds ?? 0);
  const [problem, setProblem] = useState<string | null>(null);
  const heard = useRef(onTime);
  heard.current = onTime;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a theme has other colours.
  useEffect(() => {
    const tokens = getComputedStyle(document.documentElement);
    const token = (name: string) => tokens.getPropertyValue(`--${name}`).trim();
    const nonce = documentNonce();
    const next = WaveSurfer.create({
      container: place_.current!,
      height: 56,
      waveColor: token('idle'),
      progressColor: token('accent-fill'),
      cursorColor: token('text'),
      barWidth: 3,
      barGap: 2,
      barRadius: 2,
      normalize: true,
      dragToSeek: true,
      ...(nonce === '' ? {} : { cspNonce: nonce }),
    });
    surfer.current = next;
    next.on('play', () => setPlaying(true));
    next.on('pause', () => setPlaying(false));
    next.on('ready', setLength);
    next.on('timeupdate', (seconds) => {
      setTime(Math.floor(seconds));
      heard.current(seconds);
    });
    const drawn = peaks ? [[...peaks]] : undefined;
    const loaded =
      typeof source === 'string'
        ? next.load(source, drawn, duration_seconds ?? undefined)
        : next.loadBlob(source, drawn, duration_seconds ?? undefined);
    loaded.catch((error: Error) => {
      if (surfer.current === next) setProblem(error.message);
    });
    return () => {
      surfer.current = null;
      next.destroy();
    };
  }, [source, peaks, duration_seconds, scheme]);
  useImperativeHandle(ref, () => ({
    playFrom: (seconds) => {
      surfer.current?.setTime(seconds);
      void surfer.current?.play();
    },
    toggle: () => void surfer.current?.playPause(),
  }));
  return (
    <div className={styles.player}>
      <ActionIcon
        variant="filled"
        color="blue"
        size="lg"
        radius={999}
        onClick={() => void surfer.current?.playPause()}
        aria-label={playing ? 'Pause' : 'Play'}
        disabled={problem !== null}
      >
        <Icon name={playing ? 'pause' : 'play'} />
      </ActionIcon>
      <div className={styles.wave}>
        {problem ? <p className={styles.problem}>The recording can't be played: {problem}</p> : <div ref={place_} />}
      </div>
      <span className={styles.time}>
        {place(time)} / {place(length)}
      </span>
    </div>
  );
}
