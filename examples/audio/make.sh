#!/bin/sh
# Makes the example recordings from the texts beside them. They are committed; run this only to change one.
# Needs espeak-ng, sox and ffmpeg (Debian: apt install espeak-ng sox ffmpeg).
#
# Voice, speed and words of the short ones were chosen by measuring: of espeak-ng's voices PocketSphinx understands en-us+f2 at about 160
# words a minute best by far, and it has its trouble with short words at the end of a sentence. Whisper understands any of them.
set -eu
cd "$(dirname "$0")"
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT

# The same text gives the same bytes: no dither (-D), and no version of the encoder in the file.
to_mp3() { ffmpeg -nostdin -v error -y -i "$1" -c:a libmp3lame -b:a "$2" -joint_stereo 0 -map_metadata -1 -fflags +bitexact -flags:a +bitexact "$3"; }

# Three short calls: 16 kHz mono 16-bit, peak at -6 dB.
for name in broken-computer house-viewing lost-keys; do
  espeak-ng -v en-us+f2 -s 160 -f "$name.txt" -w "$made/spoken.wav"
  sox -D "$made/spoken.wav" -r 16000 -b 16 -c 1 "$name.wav" gain -n -6
done

# A message of five minutes, with a pause after each paragraph.
espeak-ng -v en-us+f2 -s 137 -f five-minutes.txt -w "$made/spoken.wav"
sox -D "$made/spoken.wav" -r 16000 -b 16 -c 1 "$made/five-minutes.wav" gain -n -6
to_mp3 "$made/five-minutes.wav" 32k five-minutes.mp3

# A phone call: the desk on the left channel, the customer on the right. Each is silent while the other speaks.
turn=100
while IFS= read -r line; do
  turn=$((turn + 1))
  case $line in
    left:*) speaker=left listener=right voice=en-us+f2 ;;
    *) speaker=right listener=left voice=en-us+m3 ;;
  esac
  espeak-ng -v $voice -s 160 -w "$made/spoken.wav" "${line#*: }"
  sox -D "$made/spoken.wav" -r 16000 -b 16 -c 1 "$made/$turn-$speaker.wav" gain -n -6 pad 0.2 0.4
  sox -D "$made/$turn-$speaker.wav" "$made/$turn-$listener.wav" vol 0
done < phone-call.txt
sox -D "$made"/*-left.wav "$made/left.wav"
sox -D "$made"/*-right.wav "$made/right.wav"
sox -D -M "$made/left.wav" "$made/right.wav" "$made/phone-call.wav"
to_mp3 "$made/phone-call.wav" 64k phone-call.mp3
