#!/bin/sh
# Makes the small recordings that the probe's tests read: two seconds of a tone in each container. Needs ffmpeg.
set -eu
cd "$(dirname "$0")"
ffmpeg=${FFMPEG:-ffmpeg}
tone() { "$ffmpeg" -nostdin -v error -y -f lavfi -i 'sine=frequency=440:sample_rate=16000:duration=2' -ac 1 -map_metadata -1 "$@"; }
tone -c:a libmp3lame -b:a 32k tone.mp3
tone -c:a flac tone.flac
tone -c:a libvorbis tone.ogg
tone -c:a libopus -b:a 24k tone.opus
tone -c:a aac -b:a 24k tone.m4a
tone -c:a libopus -b:a 24k tone.webm
# As browsers record: no length in the header, clusters of unknown size.
tone -c:a libopus -b:a 24k -f webm -live 1 tone-live.webm
tone -c:a aac -b:a 24k -f adts tone.aac
tone -c:a pcm_s16be -ar 8000 tone.aiff
