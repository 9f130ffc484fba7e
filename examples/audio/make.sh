#!/bin/sh
# Makes the example recordings from the texts beside them. They are committed; run this only to change one.
# Needs espeak-ng and sox (Debian: apt install espeak-ng sox).
#
# Voice, speed and words were chosen by measuring: of espeak-ng's voices PocketSphinx understands en-us+f2 at about 160 words a
# minute best by far, and it has its trouble with short words at the end of a sentence. Whisper understands any of them.
set -eu
cd "$(dirname "$0")"
spoken=$(mktemp)
trap 'rm -f "$spoken"' EXIT
for text in *.txt; do
  espeak-ng -v en-us+f2 -s 160 -f "$text" -w "$spoken"
  # 16 kHz mono 16-bit, peak at -6 dB; no dither (-D), so that the same text gives the same bytes.
  sox -D "$spoken" -r 16000 -b 16 -c 1 "${text%.txt}.wav" gain -n -6
done
