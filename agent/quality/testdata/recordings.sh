#!/bin/sh
# recordings.sh DIRECTORY: makes the recordings of the calibration with ffmpeg, sox and espeak-ng: speech, good and bad, silence,
# noise, tones and music.
set -e
examples=$(cd "$(dirname "$0")/../../../examples/audio" && pwd)
mkdir -p "$1" && cd "$1"
encode() { ffmpeg -v error -y "$@"; }

for name in broken-computer house-viewing lost-keys; do cp "$examples/$name.wav" "$name.wav"; done
text='The quick brown fox jumps over the lazy dog. I would like to order two coffees and a sandwich, please. Yesterday the weather was
very bad, so we stayed at home and played cards. My phone number is five five five one two three four.'
espeak() { espeak-ng "$@" -w raw.wav "$text" && encode -i raw.wav -ar 16000 -ac 1 "$out"; }
out=espeak-us.wav espeak -v en-us -s 150
out=espeak-gb-fast.wav espeak -v en-gb -s 190 -p 70
out=espeak-us-f3-slow.wav espeak -v en-us+f3 -s 130

source() { encode -f lavfi -i "$1" -t "$2" -ar 16000 -ac 1 -c:a pcm_s16le "$3"; }
source anullsrc=r=16000:cl=mono 60 silence-60s.wav
source anullsrc=r=16000:cl=mono 5 silence-5s.wav
source anoisesrc=r=16000:a=0.1:c=white 60 white-noise-60s.wav
source anoisesrc=r=16000:a=0.02:c=pink 60 pink-noise-60s.wav
source anoisesrc=r=16000:a=0.001:c=pink 60 room-tone-60s.wav
source sine=440:r=16000 60 sine-60s.wav
sox -n -r 16000 -b 16 -c 1 c.wav synth 2 pluck C3 fade l 0 2 0.5
sox -n -r 16000 -b 16 -c 1 e.wav synth 1 pluck E3
sox -n -r 16000 -b 16 -c 1 g.wav synth 1 pluck G3
sox c.wav e.wav g.wav plucked-strings-60s.wav repeat 14
sox -n -r 16000 -b 16 -c 1 plucked-string-5s.wav synth 5 pluck C3
encode -i broken-computer.wav -t 0.05 fifty-milliseconds.wav

sox -n -r 16000 -b 16 -c 1 s20.wav trim 0 20
sox -n -r 16000 -b 16 -c 1 s45.wav trim 0 45
sox broken-computer.wav s20.wav lost-keys.wav s45.wav house-viewing.wav long-pauses.wav
sox s20.wav lost-keys.wav s20.wav silence-around.wav
noise() { encode -i "$1" -filter_complex "anoisesrc=r=16000:a=$2:c=pink[n];[0][n]amix=duration=first:normalize=0" -ar 16000 -c:a pcm_s16le "$3"; }
noise lost-keys.wav 0.01 noisy.wav
noise long-pauses.wav 0.005 long-noisy-pauses.wav
encode -i lost-keys.wav -af volume=-35dB -c:a pcm_s16le faint.wav
encode -i house-viewing.wav -ar 8000 -c:a pcm_mulaw raw.wav && encode -i raw.wav -ar 16000 -c:a pcm_s16le telephone.wav
sox broken-computer.wav plucked-string-5s.wav lost-keys.wav music-between.wav
sox broken-computer.wav lost-keys.wav house-viewing.wav espeak-us.wav espeak-gb-fast.wav espeak-us-f3-slow.wav all-speech.wav
rm -f raw.wav c.wav e.wav g.wav s20.wav s45.wav
